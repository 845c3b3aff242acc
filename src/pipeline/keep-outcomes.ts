import { setScore } from "../evaluation/bootstrap.ts";
import { packHits, trialsOf } from "../evaluation/trial-outcomes.ts";
import type { RunReader } from "../runs/run-reader.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import type { TrialOutcomes, TrialSet } from "../runs/trial.ts";
import type { EvaluationView } from "../runs/view.ts";
import { hashOf } from "../util/hash.ts";
import { storedOutcomes } from "./paired-change.ts";
import { openRunData } from "./sources.ts";

/**
 * What a trial keeps of its run's per-item outcomes: those of the first evaluation, where it is of the weights before training, and of the last. Of a set whose outcomes
 * do not give its headline metric it is told that it counts, and nothing kept.
 * Undefined where the run was never evaluated.
 * @throws {EvergreenError} where the run's data lie here no more.
 */
export async function outcomesToKeep(
  { folder, plan }: { readonly folder: string; readonly plan: ReturnType<RunReader["plan"]> },
  rows: readonly EvaluationView[],
  context: Parameters<typeof readRunSpec>[1],
): Promise<TrialOutcomes | undefined> {
  const data = await openRunData(readRunSpec(folder, context).spec, folder);
  const last = rows.at(-1);
  if (!last) return undefined;
  const sources = [...data.streamed, ...data.evaluated];
  const before = rows.find(({ task }) => task < 0);
  const sets: Record<string, TrialSet> = {};
  const packed = (row: EvaluationView): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(row.cells).flatMap(([set, { headline }]) => {
        const outcomes = storedOutcomes({ folder, row }, set, sources);
        const fingerprint = plan.sources.find(({ name }) => name === set)?.fingerprint;
        const part = (["ka", "zs"] as const).find((name) => last.scores?.[`${name}Sets`].includes(set));
        const digest = hashOf([fingerprint, headline.metric]).slice(0, 8);
        const known: TrialSet = { ...(part ? { part } : {}), digest, items: outcomes?.items ?? headline.samples };
        if (!outcomes || !(Math.abs(setScore(outcomes) - headline.value) < 1e-9)) {
          sets[set] ??= known;
          return [];
        }
        sets[set] = { ...known, ...trialsOf(outcomes) };
        return [[set, packHits(outcomes)]];
      }),
    );
  return { sets, ...(before && before !== last ? { first: packed(before) } : {}), last: packed(last) };
}
