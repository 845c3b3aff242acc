// The tensors that each open scope made, innermost last. Scopes are synchronous, so a stack is enough; outside of all scopes a tensor lives until it is released.
const open: Set<object>[] = [];

/** Puts a tensor into the care of the current scope. Its constructor calls this. */
export function adopt(made: object): void {
  open.at(-1)?.add(made);
}

/** Takes a tensor out of every scope's care. */
export function disown(held: object): void {
  for (const mine of open) mine.delete(held);
}

/** Opens a scope; what is made from now on is its own. */
export function enter(): void {
  open.push(new Set());
}

/** Closes the innermost scope and gives what it made. */
export function leave(): ReadonlySet<object> {
  return open.pop() ?? new Set();
}
