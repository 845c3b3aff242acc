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
  type Refused,
  refuseAccountings,
} from "../report/comparison.ts";
import { mainEvaluations } from "../report/content.ts";
import type { SeedGroup } from "../report/seed-table.ts";
import type { RunReader } from "../runs/run-reader.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import { accountingName } from "../runs/spec-values.ts";
import { viewOf } from "../runs/view.ts";
import { pairedChange } from "./paired-change.ts";
import { comparedGroups, seedGroups } from "./seed-groups.ts";
import { openRunData } from "./sources.ts";

/** Runs held against the first of them. */
export interface Comparison {
  readonly runs: readonly ComparedRun[];
  readonly differences: readonly Difference[];
  /** Sets that count in a run's scores and were left out of its differences. */
  readonly refused: readonly (Refused & { readonly run: string })[];
  /** The runs by settings: those that differ in the seed alone are one group. */
  readonly groups: readonly SeedGroup[];
}

export interface CompareOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of presets. */
  readonly presets: string;
  /** The last evaluation of each run in place of the one at equal samples. */
  readonly last: boolean;
  /** Compare runs that were charged in different ways. */
  readonly force: boolean;
}

interface Opened extends ComparableRun {
  readonly folder: string;
  readonly seed: number;
}

/** Compares finished or running runs from what they stored; trains and scores nothing. */
export async function compareRuns(readers: readonly RunReader[], options: CompareOptions): Promise<Comparison> {
  const runs = readers.map((reader) => open(reader, options));
  if (!options.force) refuseAccountings(runs);
  // Sets are compared only where both runs have the same data, so the first run's will do.
  const data = await dataOf(readers[0], options);
  const rows = options.last ? runs.map(({ view }) => mainEvaluations(view).findLast(({ scores }) => scores)) : atEqualSamples(runs);
  const refused: (Refused & { readonly run: string })[] = [];
  const compared = runs.map((run, i): ComparedRun => {
    const row = rows[i];
    const found = { id: run.id, row, samples: (row?.step ?? 0) * run.batchSize };
    const [first, firstRow] = [runs[0], rows[0]];
    if (i === 0 || !first || !firstRow || !row) return found;
    const sets = comparableSets({ run: first, row: firstRow }, { run, row });
    refused.push(...sets.refused.map((each) => ({ run: run.id, ...each })));
    const pair = { seed: first.seed, sources: data, before: { folder: first.folder, row: firstRow }, after: { folder: run.folder, row } };
    const change = (names: readonly string[]): Change | undefined => pairedChange(pair, names);
    return { ...found, changes: { ka: change(sets.ka), zs: change(sets.zs) } };
  });
  const seeded = runs.flatMap((run, i) => (compared[i] ? [{ ...run, compared: compared[i] }] : []));
  const { groups, refused: refusedGroups } = comparedGroups(seeded);
  const isGrouped = groups.length < runs.length;
  return {
    runs: compared,
    // Of a group its first run stands for the settings: the others differ in the seed.
    differences: configDifferences((isGrouped ? seedGroups(runs).map(([first]) => first) : runs).map(({ config }) => config)),
    refused: isGrouped ? refusedGroups : refused,
    groups,
  };
}

/** A run's data sets; none where they lie here no more, and nothing is paired then. */
async function dataOf(reader: RunReader | undefined, { env, presets }: CompareOptions): Promise<readonly DataSource[]> {
  if (!reader) return [];
  const opened = await openRunData(readRunSpec(reader.folder, { env, presets }).spec, reader.folder).catch(() => undefined);
  return opened ? [...opened.streamed, ...opened.pretraining, ...opened.evaluated] : [];
}

function open(reader: RunReader, { env, presets }: CompareOptions): Opened {
  const { folder } = reader;
  const plan = reader.plan();
  const { spec } = readRunSpec(folder, { env, presets });
  const accounting = accountingName(spec.budget);
  return {
    id: reader.record().id,
    // As it lies there: what it takes from the environment stays a reference and is never shown.
    config: parse(readFileSync(join(folder, "config.yaml"), "utf8")),
    sources: plan.sources,
    view: viewOf(reader.events(), plan),
    batchSize: spec.data.batchSize,
    ...(accounting === undefined ? {} : { accounting }),
    folder,
    seed: spec.seed,
  };
}
