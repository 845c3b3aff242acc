/** One number per data set: accuracy, or recall@5 for retrieval. Sets that were not scored are absent or undefined. */
export type SetScores = Readonly<Record<string, number | undefined>>;

/** A mean over data sets that knows what it covers. */
export interface Aggregate {
  /** Undefined when no set was scored. */
  readonly value: number | undefined;
  /** Sorted. */
  readonly covers: readonly string[];
  /** Asked for, not scored; sorted. */
  readonly missing: readonly string[];
}

/** Knowledge accumulation, zero-shot retention and their geometric mean, in the unit of the scores. */
export interface Triple {
  readonly knowledge: Aggregate;
  readonly zeroShot: Aggregate;
  readonly geometricMean: number | undefined;
}

/** Mean over the named sets that have a score. */
export function aggregate(scores: SetScores, sets: readonly string[]): Aggregate {
  const covers = sets.filter((set) => scores[set] !== undefined).sort();
  return {
    value: meanOf(covers.map((set) => scores[set])),
    covers,
    missing: sets.filter((set) => scores[set] === undefined).sort(),
  };
}

/** KA over the streamed sets, ZS over the held-out ones, GM = √(KA·ZS). */
export function tripleOf(scores: SetScores, sets: { readonly streamed: readonly string[]; readonly heldOut: readonly string[] }): Triple {
  const knowledge = aggregate(scores, sets.streamed);
  const zeroShot = aggregate(scores, sets.heldOut);
  return { knowledge, zeroShot, geometricMean: geometricMean(knowledge.value, zeroShot.value) };
}

/** √(a·b); undefined when either is. */
export function geometricMean(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.sqrt(a * b);
}

/** Σ C_d·score_d / Σ C_d over the sets with a score and a class count above 0; printed beside KA or ZS, never instead. */
export function meanPerConcept(scores: SetScores, concepts: Readonly<Record<string, number>>): number | undefined {
  let sum = 0;
  let weight = 0;
  for (const [set, count] of Object.entries(concepts)) {
    const score = scores[set];
    if (score === undefined || !(count > 0)) continue;
    sum += count * score;
    weight += count;
  }
  return weight === 0 ? undefined : sum / weight;
}

/** Mean of the values that exist; undefined when none does. */
export function meanOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0) / known.length;
}
