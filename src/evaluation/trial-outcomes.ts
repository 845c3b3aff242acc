import type { TrialOutcomes, TrialResult, TrialSet } from "../runs/trial.ts";
import type { ItemCounts, SetOutcomes } from "./bootstrap.ts";

type Trials = NonNullable<TrialSet["trials"]>[number];

/** What a trial keeps of a set's outcomes beside the hits; empty for one direction of one trial. */
export function trialsOf({ directions }: SetOutcomes): Pick<TrialSet, "trials"> {
  const trials = directions.map(({ trials: given }): Trials => {
    if (!given) return 1;
    const all = Array.from(given);
    return all.every((each) => each === all[0]) ? (all[0] ?? 1) : all;
  });
  return trials.length === 1 && trials[0] === 1 ? {} : { trials };
}

/** Hits of every item, direction by direction, in base64: as many bits an item as the direction's largest count of trials takes, the lowest first. */
export function packHits({ items, directions }: SetOutcomes): string {
  const widths = (trialsOf({ set: "", items, directions }).trials ?? [1]).map(widthOf);
  const bytes = new Uint8Array(Math.ceil((items * widths.reduce((sum, width) => sum + width, 0)) / 8));
  let at = 0;
  directions.forEach(({ hits }, d) => {
    for (let item = 0; item < items; item++)
      for (let bit = 0; bit < (widths[d] ?? 0); bit++, at++)
        if (((hits[item] as number) >> bit) & 1) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (1 << (at & 7));
  });
  return Buffer.from(bytes).toString("base64");
}

/** The outcomes as they were packed; undefined where the text is of another length than the set's items take. */
export function unpackHits(set: string, { items, trials = [1] }: TrialSet, packed: string): SetOutcomes | undefined {
  const bytes = Buffer.from(packed, "base64");
  const widths = trials.map(widthOf);
  if (bytes.length !== Math.ceil((items * widths.reduce((sum, width) => sum + width, 0)) / 8)) return undefined;
  let at = 0;
  const directions = trials.map((of, d): ItemCounts => {
    const hits = new Float64Array(items);
    for (let item = 0; item < items; item++)
      for (let bit = 0; bit < (widths[d] ?? 0); bit++, at++)
        hits[item] = (hits[item] ?? 0) + ((((bytes[at >> 3] ?? 0) >> (at & 7)) & 1) << bit);
    return of === 1 ? { hits } : { hits, trials: typeof of === "number" ? new Float64Array(items).fill(of) : of };
  });
  return { set, items, directions };
}

/** A set's outcomes at one end of a trial; undefined where they are not stored. */
export function trialOutcomes({ outcomes }: TrialResult, end: keyof Omit<TrialOutcomes, "sets">, set: string): SetOutcomes | undefined {
  const about = outcomes?.sets[set];
  const packed = outcomes?.[end]?.[set];
  return about && packed !== undefined ? unpackHits(set, about, packed) : undefined;
}

/** Bits of the largest count that an item can have. */
function widthOf(trials: Trials): number {
  const most = typeof trials === "number" ? trials : trials.reduce((largest, each) => Math.max(largest, each), 0);
  return Math.max(1, 32 - Math.clz32(most));
}
