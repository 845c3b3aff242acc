import { type NativeOperator, type NativeResult, native } from "./binding.ts";
import { EngineError } from "./engine-error.ts";
import { guard, Tensor } from "./tensor.ts";

/** An argument of an operator as TypeScript gives it; undefined takes the schema's default. */
export type Argument = Tensor | number | boolean | string | null | undefined | { readonly float: number } | readonly Argument[];
export type Result = Tensor | number | boolean | string | null | readonly Result[];

/** Calls an operator: arguments in the schema's order, results in theirs. */
export type Operator = (...args: readonly Argument[]) => readonly Result[];

const known = new Map<string, Operator>();
const watchers = new Set<(name: string, args: readonly Argument[]) => void>();

/** Tells `watch` of every call until the returned function is called. The fuzz test learns from it which operators are used. */
export function observe(watch: (name: string, args: readonly Argument[]) => void): () => void {
  watchers.add(watch);
  return () => watchers.delete(watch);
}

/**
 * Any operator of libtorch's dispatcher by its full name, `aten::add.Tensor`, called by its own schema.
 * @throws {EngineError} when no operator has that name.
 */
export function operator(fullName: string): Operator {
  const found = known.get(fullName);
  if (found) return found;
  const dot = fullName.indexOf(".");
  const resolved = guard(fullName, () =>
    native.resolve(dot < 0 ? fullName : fullName.slice(0, dot), dot < 0 ? "" : fullName.slice(dot + 1)),
  );
  const made: Operator = (...args) => run(fullName, resolved, args);
  known.set(fullName, made);
  return made;
}

function run(name: string, resolved: NativeOperator, args: readonly Argument[]): readonly Result[] {
  for (const watch of watchers) watch(name, args);
  const lowered = args.map((arg, i) => lower(arg, resolved.arguments[i], name));
  const results = guard(name, () => native.call(resolved.id, lowered));
  return results.map((value, i) => lift(value, resolved.returns[i] ?? ""));
}

function lower(arg: Argument, expected: NativeOperator["arguments"][number] | undefined, name: string): unknown {
  if (expected === undefined) throw new EngineError("argument", `${name}: more arguments than the operator has`);
  const wantsTensor = expected.type.includes("Tensor");
  if (arg instanceof Tensor) {
    if (!wantsTensor) throw new EngineError("argument", `${name}: argument "${expected.name}": expected ${expected.type}, got a tensor`);
    return arg.handle;
  }
  if (Array.isArray(arg)) return arg.map((each) => lower(each, expected, name));
  if (wantsTensor && arg !== null && arg !== undefined)
    throw new EngineError("argument", `${name}: argument "${expected.name}": expected ${expected.type}, got ${typeof arg} ${String(arg)}`);
  return arg;
}

function lift(value: NativeResult, type: string): Result {
  if (Array.isArray(value)) return value.map((each) => lift(each, type));
  return typeof value === "number" && type.includes("Tensor") ? new Tensor(value) : (value as Result);
}

/** The one tensor that an operator returns. */
export function one(name: string, results: readonly Result[]): Tensor {
  const first = results[0];
  if (!(first instanceof Tensor)) throw new EngineError("operator", `${name}: expected a tensor as its result`);
  return first;
}
