import type { PhiloxKey } from "../util/random.ts";
import { type Argument, one, operator } from "./operator.ts";
import { dtypeCodes } from "./ops.ts";
import { scope } from "./scope.ts";
import { read, type Tensor } from "./tensor.ts";

// Passes over the entries of several models at once. Each gives the bits of the operators of ops.ts one after another, in the order of the models.

const call = (name: string, ...args: readonly Argument[]): Tensor => one(name, operator(name)(...args));

/** Σ of weighted rows, in their order, float32 [size]. Terms are [size] or [n, size], float32, float16 or bfloat16; each row has a weight. */
export const sumOfRows = (terms: readonly Tensor[], weights: readonly number[]): Tensor => call("evergreen::weighted_sum", terms, weights);

/** Σ (model − base)² for each model, in double precision. Models [size] as they are stored, base float32 [size]. */
export const squaredDistances = (models: readonly Tensor[], base: Tensor): readonly number[] =>
  Array.from(read(call("evergreen::squared_distances", models, base)), Number);

/** (model − base) · factor, one below the other: float32 [n, size]. Models [size] as they are stored, base float32 [size]. */
export const taskVectors = (models: readonly Tensor[], base: Tensor, factors: readonly number[]): Tensor =>
  call("evergreen::task_vectors", models, base, factors);

/** Sums that a pair of rows has in {@link addProducts}: entry k of a tensor goes to lane k mod 16. */
export const productLanes = 16;

/**
 * Adds the products of every pair of rows to its lanes, in double precision and in place: float64 [n(n + 1)/2, 16], the pairs in the order (0, 0), (1, 0), (1, 1), …. Terms are [size] or
 * [n, size], float32, float16 or bfloat16; `place` is that of their first entry in its tensor. However a tensor is cut, the bits are the same.
 */
export const addProducts = (lanes: Tensor, terms: readonly Tensor[], place: number): void => {
  operator("evergreen::add_products_")(lanes, terms, place);
};

/** True when no entry is infinite or no number: of float32, float16 or bfloat16 [size] or [n, size]. */
export const isAllFinite = (entries: Tensor): boolean => operator("evergreen::is_finite")(entries)[0] === true;

/** float32 entries of any shape and device in a type of 16 bits on the processor, rounded to nearest, halves to even; and whether all of these are finite. */
export function narrow(entries: Tensor, type: "float16" | "bfloat16"): { readonly stored: Tensor; readonly allFinite: boolean } {
  const results = operator("evergreen::narrow")(entries, dtypeCodes[type]);
  return { stored: one("evergreen::narrow", results), allFinite: results[1] === true };
}

/** Where draws by entry begin: all words of 32 bits. */
export interface DrawPlace {
  readonly entry: number;
  readonly step: number;
  readonly task: number;
}

const counterOf = ({ entry, step, task }: DrawPlace): readonly number[] => [entry % 2 ** 32, step, task];

/** The first words that Philox 4×32-10 gives at counters (0, entry + i, step, task), for i = 0 … size − 1. */
export function philoxWords(size: number, at: DrawPlace, key: PhiloxKey): Uint32Array {
  const words = scope(() => read(call("evergreen::philox_words", key, counterOf(at), size)));
  return new Uint32Array(words.buffer, words.byteOffset, words.length);
}

/** Drops each entry of float32 rows [n, size] with probability `drop`, by its first word, and divides what stays by 1 − drop, in place. Row i draws at step + i. */
export const dropByLot = (rows: Tensor, drop: number, at: DrawPlace, key: PhiloxKey): void => {
  operator("evergreen::drop_by_lot_")(rows, key, counterOf(at), drop);
};

/** How many upper bits of a magnitude are known, and what is counted then: its upper 16 bits, its lower 15, or the whole magnitude. */
export type KnownBits = 0 | 16 | 31;

/**
 * Counts the magnitudes of float32 rows [n, size] whose upper bits are their row's prefix (0 where none are known), by what is not known of them. Calls `found` for every
 * bucket that is not empty, row by row.
 */
export function countMagnitudes(
  rows: Tensor,
  { known, prefixes }: { readonly known: KnownBits; readonly prefixes: readonly number[] },
  found: (row: number, bucket: number, count: number) => void,
): void {
  const [buckets = noCounts, counts = noCounts] = scope(() =>
    operator("evergreen::magnitude_counts")(rows, known, prefixes).map((each) => read(each as Tensor) as Int32Array),
  );
  const each = 2 ** (known === 0 ? 16 : 31 - known);
  for (let k = 0; k < buckets.length; k++) {
    const bucket = buckets[k] as number;
    found(Math.floor(bucket / each), bucket % each, counts[k] as number);
  }
}

const noCounts = new Int32Array();

/** What one row loses in a cut: magnitudes beyond `magnitude`, and of that very magnitude the entries [from, to). */
export interface RowCut {
  readonly magnitude: number;
  readonly from: number;
  readonly to: number;
}

/** Sets the smallest entries, or the largest, of float32 rows [n, size] to 0, in place. */
export const cutRows = (rows: Tensor, side: "smallest" | "largest", cuts: readonly RowCut[]): void => {
  const of = (key: keyof RowCut): readonly number[] => cuts.map((cut) => cut[key]);
  operator("evergreen::cut_")(rows, of("magnitude"), of("from"), of("to"), side === "largest");
};

/**
 * Adds float32 rows [n, size] to what is known of their positive and negative entries, in place: the sums of both, [2, size], or in [4, size] below these how many
 * there are, or the furthest of both.
 */
export const addSides = (sides: Tensor, rows: Tensor, more: "count" | "furthest" = "count"): void => {
  operator("evergreen::add_sides_")(sides, rows, more === "furthest");
};

/**
 * Of sides as {@link addSides} makes them, the entry with the sign of both sums' total, or of the majority (1, −1 or 0) where that is 0, float32 [size]: its sum, the
 * mean of as many as there are, or the furthest; 0 where no sign leads.
 */
export const electedOf = (sides: Tensor, majority: number, more: "count" | "furthest" = "count"): Tensor =>
  call("evergreen::elected", sides, majority, more === "furthest");
