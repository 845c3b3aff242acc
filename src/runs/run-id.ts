/** Crockford's alphabet: no i, l, o, u, so that an id can be read aloud. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** `20261123-101502-photos-k3fq`, the time in UTC. `random` gives at least four bytes. */
export function newRunId(name: string, now: number, random: Uint8Array): string {
  const stamp = new Date(now).toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  const tail = Array.from({ length: 4 }, (_, i) => alphabet[(random[i] ?? 0) & 31]).join("");
  return `${stamp}-${name}-${tail}`;
}

/** True for a name that may be a folder's: no separator, no leading dot. */
export function isRunId(text: string): boolean {
  return idPattern.test(text);
}
