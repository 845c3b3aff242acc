import { itemResamples } from "../evaluation/bootstrap.ts";
import { trialOutcomes } from "../evaluation/trial-outcomes.ts";
import type { TrialOutcomes, TrialResult } from "../runs/trial.ts";
import { hint } from "../util/errors.ts";
import { groupBy } from "../util/group-by.ts";
import { createRandom } from "../util/random.ts";

/** Of resampling: one seed, so that the same trials give the same intervals wherever they are asked for. */
export const scoreDraws = createRandom(0);

type End = keyof Omit<TrialOutcomes, "sets">;

/** Scores of trials with their resamples, all trials on the same resampled items of a set where the items are the same. Each set is resampled when it is first asked for. */
export class StoredScores {
  private readonly trials: readonly TrialResult[];
  private readonly sets = new Map<string, ReadonlyMap<TrialResult, Readonly<Partial<Record<End, Float64Array>>>>>();

  constructor(trials: readonly TrialResult[]) {
    this.trials = trials;
  }

  /** KA, ZS or a set's headline metric at an end of a trial: entry 0 the value itself, the others resamples. In words why there is none. */
  of(trial: TrialResult, end: End, metric: string): Float64Array | string {
    if (!trial.outcomes) return "no stored outcomes";
    const known = Object.keys(trial.outcomes.sets);
    if (!isPart(metric) && !known.includes(metric)) return `no set is called "${metric}" (${hint(metric, known)})`;
    const names = setsOf(trial, metric);
    if (names.length === 0) return `no set counts in ${metric.toUpperCase()}`;
    const found = names.flatMap((set) => this.set(set).get(trial)?.[end] ?? []);
    if (found.length < names.length) return `no stored outcomes at its ${end === "first" ? "start" : "end"}`;
    const [first, ...others] = found;
    return others.length === 0 && first ? first : meanOf(found);
  }

  /** What the metric was counted over: equal where it is the same items. */
  itemsOf(trial: TrialResult | undefined, metric: string): string {
    return trial
      ? JSON.stringify(setsOf(trial, metric).map((set) => [set, trial.outcomes?.sets[set]?.digest, trial.outcomes?.sets[set]?.items]))
      : "";
  }

  private set(name: string): ReadonlyMap<TrialResult, Readonly<Partial<Record<End, Float64Array>>>> {
    const known = this.sets.get(name);
    if (known) return known;
    const stored = this.trials.flatMap((trial) =>
      (["first", "last"] as const).flatMap((end) => {
        const outcomes = trialOutcomes(trial, end, name);
        const { digest, items } = trial.outcomes?.sets[name] ?? {};
        return outcomes ? [{ trial, end, outcomes, key: `${digest}/${items}`, packed: trial.outcomes?.[end]?.[name] }] : [];
      }),
    );
    const scores = new Map<TrialResult, Partial<Record<End, Float64Array>>>();
    for (const [key, members] of groupBy(stored, (each) => each.key)) {
      // Trials begin from one model: equal outcomes are scored once.
      const unlike = [...groupBy(members, ({ packed }) => packed).values()];
      const resampled = itemResamples(
        scoreDraws.at(`claims/items/${name}/${key}`),
        unlike.flatMap(([first]) => (first ? [first.outcomes] : [])),
      );
      for (const [i, alike] of unlike.entries())
        for (const { trial, end } of alike) scores.set(trial, { ...scores.get(trial), ...(resampled[i] ? { [end]: resampled[i] } : {}) });
    }
    this.sets.set(name, scores);
    return scores;
  }
}

const isPart = (metric: string): metric is "ka" | "zs" => metric === "ka" || metric === "zs";

/** Sorted: a mean is summed in one order. */
function setsOf({ outcomes }: TrialResult, metric: string): readonly string[] {
  const sets = Object.entries(outcomes?.sets ?? {});
  return sets.flatMap(([set, { part }]) => ((isPart(metric) ? part === metric : set === metric) ? [set] : [])).sort();
}

function meanOf(vectors: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(vectors[0]?.length ?? 0);
  for (const vector of vectors) for (const [r, value] of vector.entries()) mean[r] = (mean[r] as number) + value / vectors.length;
  return mean;
}
