import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readBytes } from "../../src/models/safetensors.ts";
import type { TokenBatch } from "../../src/models/text-transformer.ts";
import { openWeights } from "../../src/models/weights-file.ts";

const folder = new URL("../vectors/model/", import.meta.url);

/** A stored JSON of reference values, made by scripts/vectors. */
export function readVectors<Shape>(name: string): Shape {
  return JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Shape;
}

/** Float32 tensors of a stored safetensors file, by name. */
export const readTensors = (name: string): Promise<ReadonlyMap<string, Float32Array>> =>
  readTensorsAt(fileURLToPath(new URL(name, folder)));

/** Float32 tensors of any safetensors file, by name. */
export async function readTensorsAt(path: string): Promise<ReadonlyMap<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const entry of (await openWeights(path)).entries) {
    if (entry.dtype !== "F32") continue;
    const bytes = await readBytes(entry);
    found.set(entry.name, new Float32Array(bytes.slice().buffer));
  }
  return found;
}

/** Rows of token ids as the text tower takes them. */
export function tokenBatch(rows: readonly (readonly number[])[]): TokenBatch {
  return { ids: Int32Array.from(rows.flat()), rows: rows.length, length: rows[0]?.length ?? 0 };
}

/** The largest absolute difference, and where it is. */
export function worstDifference(
  got: Float32Array,
  expected: Float32Array | undefined,
): { readonly difference: number; readonly at: number } {
  if (got.length !== expected?.length) throw new Error(`expected ${expected?.length} entries, got ${got.length}`);
  let worst = { difference: 0, at: 0 };
  got.forEach((value, at) => {
    const difference = Math.abs(value - (expected[at] ?? Number.NaN));
    if (!(difference <= worst.difference)) worst = { difference, at };
  });
  return worst;
}

/** Square root of the sum of squares, in float64. */
export function norm(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

/** ‖got − expected‖ / ‖expected‖. */
export function relativeDistance(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const difference = Array.from({ length: expected.length }, (_, i) => (got[i] ?? Number.NaN) - (expected[i] ?? Number.NaN));
  return norm(difference) / (norm(Array.from(expected)) || 1);
}
