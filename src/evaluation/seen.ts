/** Outcomes of a classification set, item by item, with the concept that each item shows. */
export interface ConceptOutcomes {
  readonly set: string;
  readonly flags: ArrayLike<number>;
  readonly concepts: readonly string[];
}

/** A mean over the sets that hold such items, and how many items these are. */
export interface PartialKnowledge {
  /** A share; undefined where no set holds such an item. */
  readonly value: number | undefined;
  readonly covers: readonly string[];
  readonly items: number;
}

/**
 * Knowledge accumulation over the test items whose concept was trained already, and over those whose concept is still to come. Candidates stay all classes of the set;
 * a set without such an item is left out of that mean.
 */
export function knowledgeByTime(
  sets: readonly ConceptOutcomes[],
  trained: ReadonlySet<string>,
): Readonly<Record<"seen" | "future", PartialKnowledge>> {
  const over = (wanted: boolean): PartialKnowledge => {
    const shares = sets.flatMap(({ set, flags, concepts }) => {
      const own = concepts.flatMap((concept, item) => (trained.has(concept) === wanted ? [flags[item] ?? 0] : []));
      return own.length === 0 ? [] : [{ set, items: own.length, share: own.reduce((sum, flag) => sum + flag, 0) / own.length }];
    });
    return {
      value: shares.length === 0 ? undefined : shares.reduce((sum, { share }) => sum + share, 0) / shares.length,
      covers: shares.map(({ set }) => set),
      items: shares.reduce((sum, { items }) => sum + items, 0),
    };
  };
  return { seen: over(true), future: over(false) };
}
