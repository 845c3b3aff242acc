import type { DataSource } from "../data/source.ts";
import { setScore } from "../evaluation/bootstrap.ts";
import { packHits, trialsOf } from "../evaluation/trial-outcomes.ts";
import type { PlannedSource } from "../runs/plan.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import type { TrialOutcomes, TrialSet } from "../runs/trial.ts";
import type { EvaluationView } from "../runs/view.ts";
import { hashOf } from "../util/hash.ts";
import { storedOutcomes } from "./paired-change.ts";
import { openRunData } from "./sources.ts";

/** Where a run's outcomes lie, and the data they were counted over. */
export interface OutcomePlace {
  readonly folder: string;
  /** As the run's plan names them. */
  readonly planned: readonly Pick<PlannedSource, "name" | "fingerprint">[];
  readonly data: readonly DataSource[];
}

/** The run's data, opened as the run opened them. @throws {EvergreenError} where they lie here no more. */
export async function outcomePlace(
  folder: string,
  planned: OutcomePlace["planned"],
  context: Parameters<typeof readRunSpec>[1],
): Promise<OutcomePlace> {
  const { streamed, evaluated } = await openRunData(readRunSpec(folder, context).spec, folder);
  return { folder, planned, data: [...streamed, ...evaluated] };
}

/**
 * What a trial keeps of its run's per-item outcomes: those of the first evaluation, where it is of the weights before training, and of the last. Of a set whose outcomes
 * do not give its headline metric it is told that it counts, and nothing kept. Undefined without evaluations.
 */
export function keptOutcomes(rows: readonly EvaluationView[], place: OutcomePlace): TrialOutcomes | undefined {
  const last = rows.at(-1);
  if (!last) return undefined;
  const before = rows.find(({ task }) => task < 0);
  const sets: Record<string, TrialSet> = {};
  const packed = (row: EvaluationView): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(row.cells).flatMap(([set, { headline }]) => {
        const outcomes = storedOutcomes({ folder: place.folder, row }, set, place.data);
        const fingerprint = place.planned.find(({ name }) => name === set)?.fingerprint;
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
