import { type Change, verdictOf } from "./comparison.ts";
import { pointsWithInterval, withDeviation } from "./numbers.ts";
import type { Table } from "./table.ts";

/** A score over seeds: shares. */
interface SpreadShare {
  readonly value: number;
  readonly seeds: number;
  /** Standard deviation over seeds; undefined for one. */
  readonly deviation: number | undefined;
  readonly interval: readonly [number, number] | undefined;
}

/** A change from the first group, and what its interval is over: a pair of runs' items, common seeds, or two groups of seeds. */
export interface GroupChange extends Change {
  readonly by: "items" | "seeds" | "groups";
}

/** Runs that differ in the seed alone. */
export interface SeedGroup {
  readonly runs: readonly string[];
  readonly seeds: readonly number[];
  /** Each run's at the evaluation compared. */
  readonly samples: readonly number[];
  readonly scores: Readonly<Record<"ka" | "zs" | "gm", SpreadShare | undefined>>;
  /** None for the first group. */
  readonly changes?: Readonly<Record<"ka" | "zs", GroupChange | undefined>>;
}

const over: Readonly<Record<GroupChange["by"], string>> = { items: "same items", seeds: "same seeds", groups: "unpaired seeds" };

/** One line a group: mean and standard deviation over its seeds, and how many points it is from the first group. */
export function seedTable(groups: readonly SeedGroup[]): Table {
  const change = (of: GroupChange | undefined): string =>
    of ? `${pointsWithInterval(of)} ${verdictOf(of)}${of.interval ? `, ${over[of.by]}` : ""}` : "";
  const spread = (of: SpreadShare | undefined): string | undefined => of && withDeviation(of.value, of.deviation);
  const right = { align: "right" } as const;
  return {
    columns: [
      { title: "runs" },
      { title: "seeds" },
      { title: "samples", ...right },
      { title: "KA %", ...right },
      { title: "ZS %", ...right },
      { title: "GM %", ...right },
      { title: "KA change" },
      { title: "ZS change" },
    ],
    rows: groups.map(({ runs, seeds, samples, scores, changes }) => [
      runs.length > 1 ? `${runs[0]} and ${runs.length - 1} more` : runs[0],
      seeds.join(", "),
      Math.max(...samples),
      spread(scores.ka),
      spread(scores.zs),
      spread(scores.gm),
      change(changes?.ka),
      change(changes?.zs),
    ]),
  };
}
