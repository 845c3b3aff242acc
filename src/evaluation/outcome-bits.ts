import { EvergreenError } from "../util/errors.ts";

/** Format of the per-item outcome files. */
const format = "evergreen-outcomes";
const version = 1;

/** Whether each test item came out right, in the order of item ids. */
export interface Outcomes {
  /** `acc1`, `text_retrieval_recall@5`, … */
  readonly metric: string;
  /** 0 or 1 an item. */
  readonly flags: Uint8Array;
}

/** An outcome file that cannot be read. */
export class OutcomesError extends EvergreenError {
  constructor(message: string) {
    super(`outcomes: ${message}`, { code: "EG-4203", exit: "data", fix: "evaluate again to write the file anew" });
  }
}

/** One bit an item, the first in the lowest bit of the first byte; unused bits are 0. */
export function packBits(flags: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(flags.length / 8));
  for (let i = 0; i < flags.length; i++) if (flags[i]) bytes[i >> 3] = (bytes[i >> 3] as number) | (1 << (i & 7));
  return bytes;
}

/** @throws {OutcomesError} when the bytes do not hold exactly `count` bits. */
export function unpackBits(bytes: Uint8Array, count: number): Uint8Array {
  if (bytes.length !== Math.ceil(count / 8))
    throw new OutcomesError(`${bytes.length} bytes for ${count} items, expected ${Math.ceil(count / 8)}`);
  const flags = new Uint8Array(count);
  for (let i = 0; i < count; i++) flags[i] = ((bytes[i >> 3] as number) >> (i & 7)) & 1;
  return flags;
}

/** A line of JSON, then the bits. */
export function encodeOutcomes({ metric, flags }: Outcomes): Uint8Array {
  const header = `${JSON.stringify({ format: `${format}/${version}`, metric, items: flags.length })}\n`;
  return Buffer.concat([Buffer.from(header, "utf8"), packBits(flags)]);
}

/** @throws {OutcomesError} for a file of another kind, a newer number or another length. */
export function decodeOutcomes(bytes: Uint8Array): Outcomes {
  const end = bytes.subarray(0, 4096).indexOf(10);
  if (end < 0) throw new OutcomesError("no header line");
  const { format: written, metric, items } = headerOf(Buffer.from(bytes.subarray(0, end)).toString("utf8"));
  const [, name, number] = /^(.*)\/(\d+)$/.exec(String(written)) ?? [];
  if (name !== format) throw new OutcomesError(`format ${String(written)}, expected ${format}/${version}`);
  if (Number(number) > version)
    throw new OutcomesError(`format ${String(written)} is newer than this version reads (${format}/${version})`);
  if (typeof metric !== "string" || typeof items !== "number" || !Number.isSafeInteger(items) || items < 0)
    throw new OutcomesError("the header names no metric or no item count");
  return { metric, flags: unpackBits(bytes.subarray(end + 1), items) };
}

function headerOf(text: string): { readonly [key: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as { readonly [key: string]: unknown };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw new OutcomesError("the first line is no JSON object");
}
