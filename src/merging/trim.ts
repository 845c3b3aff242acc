import { z } from "zod";
import { above, abs, atLeast, atMost, below } from "../engine/elementwise.ts";
import { concat, divNumber, mul, slice, to } from "../engine/ops.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";
import { keptEntries } from "./entry-draws.ts";
import { type CutShares, type Cuts, type Limit, planCuts, type Scope } from "./magnitude-cut.ts";
import type { MergeInput, MergekitParameters, Tower } from "./operator.ts";

/** Task vector i with the entries that are dropped set to 0. */
export type Trim = (input: MergeInput, i: number) => Tensor;

/** A trim that a pass over all inputs, in order, makes exact; each input must be located before it is trimmed. */
export interface OpenTrim {
  readonly trim: Trim;
  readonly isOpen: boolean;
  locate(input: MergeInput): void;
}

/** Drops exactly the shares of smallest and largest entries; a share of 0 drops none. */
export function magnitudeTrim(tower: Tower, shares: CutShares, scope: Scope): OpenTrim {
  const cuts = planCuts(tower, shares, scope);
  return { trim: trimBy(cuts), isOpen: cuts.isOpen, locate: cuts.locate };
}

/** The same, made exact with a pass of its own where it needs one. */
export function exactTrim(tower: Tower, shares: CutShares, scope: Scope): Trim {
  const { trim, isOpen, locate } = magnitudeTrim(tower, shares, scope);
  if (isOpen)
    tower.visit((input) => {
      locate(input);
      return undefined;
    });
  return trim;
}

function trimBy(cuts: Cuts): Trim {
  return (input, i) => {
    const { low, high } = cuts.of(input, i);
    const vector = input.vector(i);
    if (!low && !high) return vector;
    const size = abs(vector);
    const place = cuts.placeOf(input);
    const masks = [
      ...(low ? [sided(size, low, place, { within: above, outside: atLeast })] : []),
      ...(high ? [sided(size, high, place, { within: below, outside: atMost })] : []),
    ];
    // A product, so that an entry that is not finite stays one.
    return masks.reduce((kept, mask) => mul(kept, to(mask, "float32")), vector);
  };
}

/** Option of operators that drop entries by lot. */
export const dropOption = z.number().min(0).max(0.99).default(0.8).describe("probability that an entry is dropped, at most 0.99");

/** What is removed where the share that stays is told, without the rounding of the subtraction. */
export const removedShare = (density: number, top = 0): number => Math.max(0, Number((1 - density - top).toPrecision(12)));

/** The trim of operators that drop the smallest entries, or entries by lot, as mergekit tells it. */
export const oneSidedTrim = ({ density }: MergekitParameters): Readonly<Record<string, number>> =>
  density === undefined ? {} : { remove: removedShare(density) };

/** Drops each entry with probability `drop` and divides what stays by 1 − drop. */
export function randomTrim(drop: number): Trim {
  return (input, i) => {
    const vector = input.vector(i);
    return drop === 0 ? vector : divNumber(mul(vector, tensor(keptEntries(input, i, drop), [input.size], "float32")), 1 - drop);
  };
}

type Comparison = (a: Tensor, limit: number) => Tensor;

/** Entries that pass the limit: where the places of the dropped equal ones are, the strict comparison decides. */
function sided(a: Tensor, { magnitude, from, to: end }: Limit, place: number, by: { within: Comparison; outside: Comparison }): Tensor {
  const within = (at: number): number => Math.min(Math.max(at - place, 0), a.size);
  const cuts = [0, within(from), within(end), a.size];
  const parts = [by.outside, by.within, by.outside].flatMap((compare, k) => {
    const [begin, stop] = [cuts[k] ?? 0, cuts[k + 1] ?? 0];
    return stop > begin ? [compare(slice(a, 0, begin, stop), magnitude)] : [];
  });
  const [only] = parts;
  return parts.length === 1 && only ? only : concat(parts, 0);
}
