import type { SampleId } from "../data/source.ts";
import type { SplitScores } from "../runs/event.ts";
import type { Measurement } from "../runs/measurement.ts";
import type { TestSplits } from "../streams/test-splits.ts";
import { groupBy } from "../util/group-by.ts";
import type { ItemCounts, SetOutcomes } from "./bootstrap.ts";
import { type Interval, standardErrorOfMean, wilson, z95 } from "./intervals.ts";

/** A set's outcomes with the ids of its items, in their order. */
export interface NamedOutcomes extends SetOutcomes {
  readonly ids: readonly SampleId[];
}

/**
 * Scores of the tests in time, from the outcomes of every item: of a test the mean over its sets, each by its own items of it, candidates all classes of the set. A test of
 * which nothing was scored is null, and never 0.
 */
export function splitScores(sets: readonly NamedOutcomes[], splits: TestSplits): SplitScores {
  const testOf = new Map<SampleId, number>(splits.static.map((id) => [id, still]));
  for (const [task, ids] of splits.dynamic.entries()) for (const id of ids) testOf.set(id, task);
  const parts = sets.flatMap((set) =>
    [...groupBy(set.ids.keys(), (item) => testOf.get(set.ids[item] ?? ""))].flatMap(([test, items]) =>
      test === undefined ? [] : [{ test, share: shareOf(set.directions, items), samples: items.length }],
    ),
  );
  const byTest = groupBy(parts, ({ test }) => test);
  const fixed = scoreOf("static", byTest.get(still) ?? []);
  return {
    ...(fixed ? { static: fixed } : {}),
    dynamic: splits.dynamic.map((_, task) => scoreOf("dynamic", byTest.get(task) ?? []) ?? null),
  };
}

/** Place of the static tests among those of tasks. */
const still = -1;

/** What one set gives to a test. */
interface Part {
  readonly share: number;
  readonly samples: number;
}

function scoreOf(metric: string, parts: readonly Part[]): Measurement | undefined {
  if (parts.length === 0) return undefined;
  const value = parts.reduce((sum, { share }) => sum + share, 0) / parts.length;
  const interval = intervalOf(value, parts);
  return { metric, value, unit: "share", samples: parts.reduce((sum, { samples }) => sum + samples, 0), ...(interval ? { interval } : {}) };
}

/** Hits of the items over their trials, the mean over directions. */
function shareOf(directions: readonly ItemCounts[], items: readonly number[]): number {
  const shares = directions.map(({ hits, trials }) => {
    const sum = (counts: ArrayLike<number>): number => items.reduce((total, item) => total + (counts[item] ?? 0), 0);
    return sum(hits) / (trials ? sum(trials) : items.length);
  });
  return shares.reduce((a, b) => a + b, 0) / shares.length;
}

/** Wilson's for one set; for several the normal one of a mean of independent shares. */
function intervalOf(value: number, parts: readonly Part[]): Interval | undefined {
  const [only] = parts;
  if (only && parts.length === 1) return wilson(only.share * only.samples, only.samples);
  const half = z95 * (standardErrorOfMean(parts) ?? 0);
  return [Math.max(0, value - half), Math.min(1, value + half)];
}
