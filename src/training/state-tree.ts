import { isContiguous } from "../engine/ops.ts";
import { type StateTree, Tensor, type Weights } from "../engine/tensor.ts";
import type { Json } from "../util/json.ts";

// In the JSON of a state a tensor is {"$tensor": name} and weights are {"$weights": [[name, name of the tensor], …]}.

/** A state as JSON with its tensors aside, by names that the JSON gives. */
export interface FlatState {
  readonly json: Json;
  readonly tensors: Weights;
}

/** Takes the tensors out of a state. `prefix` begins their names. */
export function flattenState(state: StateTree, prefix: string): FlatState {
  const tensors = new Map<string, Tensor>();
  const put = (value: Tensor, path: string): string => {
    // Products of factors that lie otherwise have other bits, so what goes on with it would not end as what was never interrupted.
    if (!isContiguous(value))
      throw new Error(
        `internal: a method's state holds a tensor at ${path} that does not lie row by row, as it will once it is read back: keep contiguous(…) of it`,
      );
    tensors.set(path, value);
    return path;
  };
  const visit = (value: StateTree, path: string): Json => {
    if (value instanceof Tensor) return { $tensor: put(value, path) };
    if (value instanceof Map) return { $weights: [...(value as Weights)].map(([name, each]) => [name, put(each, `${path}/${name}`)]) };
    if (Array.isArray(value)) return value.map((each: StateTree, i) => visit(each, `${path}.${i}`));
    if (typeof value === "number" && !Number.isFinite(value)) throw new Error(`internal: a method's state holds ${value} at ${path}`);
    if (value === undefined) return null;
    if (value === null || typeof value !== "object") return value as Json;
    const entries = Object.entries(value as Readonly<Record<string, StateTree>>).filter(([, each]) => each !== undefined);
    return Object.fromEntries(entries.map(([key, each]) => [key, visit(each, `${path}.${key}`)]));
  };
  return { json: visit(state, prefix), tensors };
}

/** The state again. @throws {Error} for a tensor that is not there. */
export function unflattenState(json: Json, tensors: Weights): StateTree {
  const take = (name: string): Tensor => {
    const found = tensors.get(name);
    if (!found) throw new Error(`internal: the checkpoint lacks the tensor ${name} of a method's state`);
    return found;
  };
  const visit = (value: Json): StateTree => {
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return value.map(visit);
    const map = value as Readonly<Record<string, Json>>;
    if (typeof map.$tensor === "string") return take(map.$tensor);
    if (Array.isArray(map.$weights))
      return new Map((map.$weights as unknown as readonly (readonly [string, string])[]).map(([name, key]) => [name, take(key)]));
    return Object.fromEntries(Object.entries(map).map(([key, each]) => [key, visit(each)]));
  };
  return visit(json);
}
