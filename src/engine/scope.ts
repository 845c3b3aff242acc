import { native } from "./binding.ts";
import { EngineError } from "./engine-error.ts";
import { Tensor } from "./tensor.ts";

// The tensors that each open scope made, innermost last. Scopes are synchronous, so a stack is enough; outside of all scopes a tensor lives until release().
const open: Set<Tensor>[] = [];
const borrowed = new WeakSet<Tensor>();

/** Called by the constructor of {@link Tensor} alone. */
export function adopt(made: Tensor): void {
  open.at(-1)?.add(made);
}

/**
 * Runs `work` and frees every tensor made in it, except those its result holds, which the enclosing scope takes over.
 * @throws {EngineError} when `work` returns a promise or a generator: a scope is synchronous.
 */
export function scope<Result>(work: () => Result): Result {
  const mine = new Set<Tensor>();
  open.push(mine);
  let result: Result;
  try {
    result = work();
    if (result instanceof Promise || isGenerator(result))
      throw new EngineError("scope", "scope: expected a synchronous function, got a promise or a generator");
  } catch (error) {
    open.pop();
    native.free([...mine].map((made) => made.handle));
    throw error;
  }
  open.pop();
  const kept = new Set<Tensor>();
  collect(result, kept);
  const outer = open.at(-1);
  const dead: number[] = [];
  for (const made of mine) {
    if (!kept.has(made)) dead.push(made.handle);
    else outer?.add(made);
  }
  native.free(dead);
  return result;
}

/** Takes the tensors of a state out of the current scope's care: they live until {@link release}. @throws {EngineError} for a borrowed one. */
export function keep<State>(state: State): State {
  const held = new Set<Tensor>();
  collect(state, held);
  for (const each of held) {
    if (borrowed.has(each)) throw new EngineError("borrowed", "keep: the optimizer will change this weight");
    for (const mine of open) mine.delete(each);
  }
  return state;
}

/** Gives the tensors of a state into the current scope's care, whatever held them before. */
export function handOver<State>(state: State): State {
  const current = open.at(-1);
  for (const each of tensorsIn(state)) {
    for (const mine of open) mine.delete(each);
    current?.add(each);
  }
  return state;
}

/** Frees the tensors of a state now. */
export function release(state: unknown): void {
  const held = new Set<Tensor>();
  collect(state, held);
  for (const mine of open) for (const each of held) mine.delete(each);
  native.free([...held].map((each) => each.handle));
}

/** Marks what a model hands out: it may be read, not kept. */
export function borrow<State>(state: State): State {
  const held = new Set<Tensor>();
  collect(state, held);
  for (const each of held) borrowed.add(each);
  return state;
}

/** True for a tensor that a model has handed out. */
export function isBorrowed(value: Tensor): boolean {
  return borrowed.has(value);
}

/** Every tensor inside of maps, sets, lists and plain objects. */
export function tensorsIn(state: unknown): ReadonlySet<Tensor> {
  const found = new Set<Tensor>();
  collect(state, found);
  return found;
}

function collect(value: unknown, into: Set<Tensor>): void {
  if (value instanceof Tensor) into.add(value);
  else if (value instanceof Map || value instanceof Set) for (const each of value.values()) collect(each, into);
  else if (Array.isArray(value)) for (const each of value) collect(each, into);
  else if (value !== null && typeof value === "object" && !ArrayBuffer.isView(value))
    for (const each of Object.values(value)) collect(each, into);
}

function isGenerator(value: unknown): boolean {
  return value !== null && typeof value === "object" && "next" in value && typeof value.next === "function";
}
