import { native } from "./binding.ts";
import { EngineError } from "./engine-error.ts";
import { adopt, disown, enter, leave } from "./registry.ts";
import { Tensor } from "./tensor.ts";

const borrowed = new WeakSet<Tensor>();

/**
 * Runs `work` and frees every tensor made in it, except those its result holds, which the enclosing scope takes over.
 * @throws {EngineError} when `work` returns a promise or a generator: a scope is synchronous.
 */
export function scope<Result>(work: () => Result): Result {
  enter();
  let result: Result;
  try {
    result = work();
    if (result instanceof Promise || isGenerator(result))
      throw new EngineError("scope", "scope: expected a synchronous function, got a promise or a generator");
  } catch (error) {
    free(leave());
    throw error;
  }
  const made = leave();
  const kept = tensorsIn(result);
  free([...made].filter((each) => !kept.has(each as Tensor)));
  for (const each of made) if (kept.has(each as Tensor)) adopt(each);
  return result;
}

function free(dead: Iterable<object>): void {
  native.free([...dead].map((each) => (each as Tensor).handle));
}

/** Takes the tensors of a state out of the current scope's care: they live until {@link release}. @throws {EngineError} for a borrowed one. */
export function keep<State>(state: State): State {
  for (const each of tensorsIn(state)) {
    if (borrowed.has(each)) throw new EngineError("borrowed", "keep: the optimizer will change this weight");
    disown(each);
  }
  return state;
}

/** Gives the tensors of a state into the current scope's care, whatever held them before. */
export function handOver<State>(state: State): State {
  for (const each of tensorsIn(state)) {
    disown(each);
    adopt(each);
  }
  return state;
}

/** Frees the tensors of a state now. */
export function release(state: unknown): void {
  const held = tensorsIn(state);
  for (const each of held) disown(each);
  free(held);
}

/** Marks what a model hands out: it may be read, not kept. */
export function borrow<State>(state: State): State {
  for (const each of tensorsIn(state)) borrowed.add(each);
  return state;
}

/** True for a tensor that a model has handed out. */
export function isBorrowed(value: Tensor): boolean {
  return borrowed.has(value);
}

/** Every tensor inside of maps, sets, lists and plain objects; a state may hold itself. */
export function tensorsIn(state: unknown): ReadonlySet<Tensor> {
  const found = new Set<Tensor>();
  const seen = new Set<object>();
  const pending: unknown[] = [state];
  while (pending.length > 0) {
    const value = pending.pop();
    if (value instanceof Tensor) found.add(value);
    else if (value !== null && typeof value === "object" && !ArrayBuffer.isView(value) && !seen.has(value)) {
      seen.add(value);
      const inside = value instanceof Map || value instanceof Set || Array.isArray(value) ? value.values() : Object.values(value);
      for (const each of inside) pending.push(each);
    }
  }
  return found;
}

function isGenerator(value: unknown): boolean {
  return value !== null && typeof value === "object" && "next" in value && typeof value.next === "function";
}
