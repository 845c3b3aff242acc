import { setThreads } from "../engine/facts.ts";
import { useKernels } from "../engine/kernels.ts";
import { defaultMemoryLimit, limitMemory } from "../engine/memory.ts";
import type { Precision } from "../models/clip.ts";
import { loadModel } from "../models/load.ts";
import { kernelsFor } from "../pipeline/kernel-choice.ts";
import { type DriftRow, type DriftState, measureDrift, type ReferencePairs, referencePairs } from "../pipeline/measure-drift.ts";
import { findModel } from "../pipeline/model-source.ts";
import { presetFolder } from "../pipeline/preset-folder.ts";
import { openRunData } from "../pipeline/sources.ts";
import type { Table } from "../report/table.ts";
import { RunReader } from "../runs/run-reader.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import { UsageError } from "../util/errors.ts";
import { createRandom } from "../util/random.ts";
import { openAll } from "./open-suite.ts";
import { runFolderOf } from "./run-folder.ts";

/** Whose drift is to be measured, from where, and on which pairs. */
export interface DriftRequest {
  /** Weights file or folder; of a run's checkpoint, all checkpoints of the run. */
  readonly model: string;
  /** Weights that it started from; the run's own start when absent. */
  readonly base?: string;
  readonly arch?: string;
  /** References to the sets that pairs are drawn from; the run's pretraining pool, else its evaluation sets, when absent. */
  readonly suite?: readonly string[];
  readonly batchSize: number;
  readonly precision: Precision;
  readonly onState: (state: string, index: number, of: number) => void;
}

/** What was measured, and on what. */
export interface DriftSheet {
  readonly rows: readonly DriftRow[];
  readonly pairs: { readonly count: number; readonly digest: string };
}

/** Measures drift. Nothing is written. */
export async function driftSheet(request: DriftRequest): Promise<DriftSheet> {
  limitMemory(defaultMemoryLimit());
  setThreads();
  useKernels(kernelsFor(process.env));
  const run = runFolderOf(request.model);
  const pairs = await pairsOf(request, run);
  if (pairs.records.length === 0) throw new UsageError("--drift: the sets hold no pairs", "name sets that do: --suite mini-flux:pool");
  const { start, states } = await statesOf(request, run);
  const rows = await measureDrift(start, states, pairs, request);
  return { rows, pairs: { count: pairs.records.length, digest: pairs.digest } };
}

async function pairsOf({ suite }: DriftRequest, run: string | undefined): Promise<ReferencePairs> {
  // One seed for all, so that runs over the same data are measured on the same pairs.
  const random = createRandom(0);
  if (suite) return referencePairs(await openAll(suite), random);
  if (run === undefined) throw new UsageError("--suite: pairs of which data sets?", "as --suite mini-flux:pool");
  const { pretraining, evaluated } = await openRunData(readRunSpec(run, { env: process.env, presets: presetFolder }).spec, run);
  return referencePairs(pretraining.length > 0 ? pretraining : evaluated, random);
}

async function statesOf(
  { model, base, arch }: DriftRequest,
  run: string | undefined,
): Promise<{ readonly start: DriftState; readonly states: readonly DriftState[] }> {
  const named = arch === undefined ? {} : { arch };
  const file = (name: string, path: string): DriftState => ({ name, load: () => loadModel(path, named) });
  if (run === undefined) {
    if (base === undefined) throw new UsageError("--base: drift from which weights?", "as --base preset:mini-flux-base");
    return { start: file("start", base), states: [file("model", model)] };
  }
  const good = new RunReader(run).checkpoints().flatMap((each) => ("reason" in each ? [] : [each]));
  const states = good.reverse().map(({ name, folder }) => file(name, `${folder}/model.safetensors`));
  if (base !== undefined) return { start: file("start", base), states };
  const { spec } = readRunSpec(run, { env: process.env, presets: presetFolder });
  const source = await findModel(spec);
  return { start: { name: "start", load: () => source.load() }, states };
}

const right = { align: "right" } as const;

/** One line a state: distances, drift and CKA of both towers, and how they lie to each other. */
export function driftTable(rows: readonly DriftRow[]): Table {
  const share = (value: number | undefined): string | undefined => (value === undefined ? undefined : `${(100 * value).toFixed(2)}`);
  const number = (value: number | undefined): string | undefined => value?.toFixed(4);
  const relative = (row: DriftRow, part: string): number | undefined => row.parameters.find((each) => each.part === part)?.relative;
  return {
    columns: [
      { title: "state" },
      { title: "moved image %", ...right },
      { title: "moved text %", ...right },
      { title: "drift image", ...right },
      { title: "drift text", ...right },
      { title: "CKA image", ...right },
      { title: "CKA text", ...right },
      { title: "gap", ...right },
      { title: "gap change", ...right },
      { title: "own cosine", ...right },
      { title: "other cosine", ...right },
      { title: "scale", ...right },
    ],
    rows: rows.map((row) => [
      row.state,
      share(relative(row, "image")),
      share(relative(row, "text")),
      number(row.image.drift),
      number(row.text.drift),
      number(row.image.cka),
      number(row.text.cka),
      number(row.alignment.modalityGap),
      number(row.gapChange),
      number(row.alignment.matched),
      number(row.alignment.unmatched),
      row.scale.toFixed(2),
    ]),
  };
}

/** One line a part of the model, one column a state: how far its weights moved, in per cent of the start's norm. */
export function partsTable(rows: readonly DriftRow[]): Table {
  const parts = rows[0]?.parameters ?? [];
  return {
    columns: [{ title: "part" }, { title: "parameters", ...right }, ...rows.map(({ state }) => ({ title: `${state} %`, ...right }))],
    rows: parts.map(({ part, parameters }, i) => [
      part,
      parameters,
      ...rows.map((row) => {
        const relative = row.parameters[i]?.relative;
        return relative === undefined ? undefined : (100 * relative).toFixed(2);
      }),
    ]),
  };
}
