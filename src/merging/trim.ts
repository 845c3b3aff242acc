import { z } from "zod";
import { cutRows } from "../engine/entries.ts";
import { scope as inScope } from "../engine/scope.ts";
import type { Tensor } from "../engine/tensor.ts";
import { dropEntries } from "./entry-draws.ts";
import { groupsOf, ones, sumOfGroups } from "./fold.ts";
import { type CutShares, type Cuts, planCuts, type Scope } from "./magnitude-cut.ts";
import type { Group, MergeInput, MergekitParameters, Tower } from "./operator.ts";

/** Task vectors of a group, [count, size], with the entries that are dropped set to 0. */
export type Trim = (input: MergeInput, group: Group) => Tensor;

/** Σ of the trimmed task vectors. */
export const sumOfTrimmed = (input: MergeInput, trim: Trim): Tensor => sumOfGroups(ones(input.count), (group) => [trim(input, group)]);

/** A trim that a pass over all inputs, in order, makes exact. */
export interface OpenTrim {
  readonly trim: Trim;
  readonly isOpen: boolean;
  /** The same for that pass: it finds the places that `trim` must know. */
  readonly locating: Trim;
}

/** Drops exactly the shares of smallest and largest entries; a share of 0 drops none. */
export function magnitudeTrim(tower: Tower, shares: CutShares, scope: Scope): OpenTrim {
  const cuts = planCuts(tower, shares, scope);
  return {
    isOpen: cuts.isOpen,
    trim: (input, group) => cutVectors(cuts, { input, group, vectors: input.vectors(group) }),
    locating: (input, group) => {
      const vectors = input.vectors(group);
      cuts.locate(input, group, vectors);
      return cutVectors(cuts, { input, group, vectors });
    },
  };
}

/** The same, made exact with a pass of its own where it needs one. */
export function exactTrim(tower: Tower, shares: CutShares, scope: Scope): Trim {
  const { trim, isOpen, locating } = magnitudeTrim(tower, shares, scope);
  if (isOpen)
    tower.visit((input) => {
      for (const group of groupsOf(input.count)) inScope(() => void locating(input, group));
      return undefined;
    });
  return trim;
}

/** Cuts task vectors [count, size] of a group in place. */
function cutVectors(cuts: Cuts, { input, group, vectors }: { input: MergeInput; group: Group; vectors: Tensor }): Tensor {
  const found = Array.from({ length: group.count }, (_, k) => cuts.of(input, group.from + k));
  const place = cuts.placeOf(input);
  const within = (at: number): number => Math.min(Math.max(at - place, 0), input.size);
  for (const [key, side] of [
    ["low", "smallest"],
    ["high", "largest"],
  ] as const) {
    // All task vectors of a scope lose as many, so that all have a limit or none has.
    const limits = found.flatMap((cut) => cut[key] ?? []);
    const own = limits.map(({ magnitude, from, to }) => ({ magnitude, from: within(from), to: within(to) }));
    if (own.length > 0) cutRows(vectors, side, own);
  }
  return vectors;
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
  return (input, group) => {
    const vectors = input.vectors(group);
    if (drop > 0) dropEntries(input, vectors, { from: group.from, drop });
    return vectors;
  };
}
