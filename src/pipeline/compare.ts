import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { DataSource } from "../data/source.ts";
import {
  atEqualSamples,
  type Change,
  type ComparableRun,
  type ComparedRun,
  comparableSets,
  configDifferences,
  type Difference,
} from "../report/comparison.ts";
import { mainEvaluations } from "../report/content.ts";
import type { RunReader } from "../runs/run-reader.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import type { EvaluationView } from "../runs/view.ts";
import { viewOf } from "../runs/view.ts";
import { pairedChange } from "./paired-change.ts";
import { openRunData } from "./sources.ts";

/** Runs held against the first of them. */
export interface Comparison {
  readonly runs: readonly ComparedRun[];
  readonly differences: readonly Difference[];
  /** Sets that count in a run's scores and were left out of its differences. */
  readonly refused: readonly { readonly run: string; readonly set: string; readonly reason: string }[];
}

export interface CompareOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of presets. */
  readonly presets: string;
  /** The last evaluation of each run in place of the one at equal samples. */
  readonly last: boolean;
}

interface Opened extends ComparableRun {
  readonly folder: string;
  readonly seed: number;
  /** Empty where the data lie here no more: nothing is paired then. */
  readonly data: readonly DataSource[];
}

/** Compares finished or running runs from what they stored; trains and scores nothing. */
export async function compareRuns(readers: readonly RunReader[], options: CompareOptions): Promise<Comparison> {
  const runs = await Promise.all(readers.map((reader) => open(reader, options)));
  const rows = options.last ? runs.map(({ view }) => mainEvaluations(view).findLast(({ scores }) => scores)) : atEqualSamples(runs);
  const refused: { run: string; set: string; reason: string }[] = [];
  const compared = runs.map((run, i): ComparedRun => {
    const row = rows[i];
    const found = { id: run.id, row, samples: (row?.step ?? 0) * run.batchSize };
    const [first, firstRow] = [runs[0], rows[0]];
    if (i === 0 || !first || !firstRow || !row) return found;
    const sets = comparableSets({ run: first, row: firstRow }, { run, row });
    refused.push(...sets.refused.map((each) => ({ run: run.id, ...each })));
    const change = (names: readonly string[]): Change | undefined => changeBetween({ run: first, row: firstRow }, { run, row }, names);
    return { ...found, changes: { ka: change(sets.ka), zs: change(sets.zs) } };
  });
  return { runs: compared, differences: configDifferences(runs.map(({ config }) => config)), refused };
}

interface Evaluated {
  readonly run: Opened;
  readonly row: EvaluationView;
}

function changeBetween(first: Evaluated, other: Evaluated, sets: readonly string[]): Change | undefined {
  const { seed, data, folder } = first.run;
  return pairedChange(
    { seed, sources: data, before: { folder, row: first.row }, after: { folder: other.run.folder, row: other.row } },
    sets,
  );
}

async function open(reader: RunReader, { env, presets }: CompareOptions): Promise<Opened> {
  const { folder } = reader;
  const plan = reader.plan();
  const { spec } = readRunSpec(folder, { env, presets });
  const opened = await openRunData(spec, folder).catch(() => undefined);
  const data = Object.values(opened ?? {}).flatMap((sets: readonly DataSource[]) => sets);
  return {
    id: reader.record().id,
    config: parse(readFileSync(join(folder, "config.yaml"), "utf8")),
    sources: plan.sources,
    view: viewOf(reader.events(), plan),
    batchSize: spec.data.batchSize,
    folder,
    seed: spec.seed,
    data,
  };
}
