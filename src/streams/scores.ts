import type { Concept } from "../data/source.ts";
import { StreamError } from "./stream.ts";

/** A score that orderings sort by. */
export type ScoreName = keyof Concept["stats"];

const origins: Readonly<Record<ScoreName, string>> = {
  matchingLoss: "make scores with `evergreen stream score --model MODEL`, and name their file in stream.scores",
  frequency: "make scores with `evergreen stream score --captions SOURCE` or `--counts TABLE`, and name their file in stream.scores",
  year: "say where they come: the order's option undated, first or last; or date every concept, or take another order",
};
const words: Readonly<Record<ScoreName, string>> = { matchingLoss: "matching loss", frequency: "frequency", year: "year" };

/** A score of each concept. @throws {StreamError} naming a concept that has none, and where scores come from. */
export function scoresOf(concepts: readonly Concept[], score: ScoreName): readonly number[] {
  const without = concepts.filter(({ stats }) => !Number.isFinite(stats[score]));
  if (without.length > 0)
    throw new StreamError(
      `${without.length} of ${concepts.length} concepts have no ${words[score]}, "${without[0]?.id}" among them`,
      origins[score],
    );
  return concepts.map(({ stats }) => stats[score] as number);
}

/** The concepts by ascending key; equal keys keep their order. */
export function sortedBy(concepts: readonly Concept[], keys: readonly number[]): readonly Concept[] {
  return concepts
    .map((concept, i) => ({ concept, key: keys[i] as number, i }))
    .sort((a, b) => a.key - b.key || a.i - b.i)
    .map(({ concept }) => concept);
}

/** The concepts of a list in the order that a permutation gives. */
export function permuted(concepts: readonly Concept[], permutation: ArrayLike<number>): readonly Concept[] {
  return Array.from(permutation, (index) => concepts[index] as Concept);
}
