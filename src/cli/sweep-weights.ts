import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { keep, release, scope } from "../engine/scope.ts";
import type { Tensor } from "../engine/tensor.ts";
import { checkAlike } from "../merging/merge-files.ts";
import { mergeWeights } from "../merging/merge-weights.ts";
import { resolveMerge } from "../merging/settings.ts";
import type { Clip } from "../models/clip.ts";
import { loadModel } from "../models/load.ts";
import { type OpenedModel, openModelFolder } from "../models/model-folder.ts";
import { weightsDigest } from "../pipeline/model-source.ts";
import { hashOf } from "../util/hash.ts";
import { cacheRoot, type Env } from "../util/paths.ts";
import { writeOutput } from "./output-file.ts";
import { runFolderOf } from "./run-folder.ts";
import { openScorer, prepareEngine, type ScoreRequest, type Scorer, type ScoreSheet } from "./score-model.ts";
import type { SweepPlan } from "./swept-models.ts";

/** What a sweep takes beside its plan. */
export interface WeightSweep {
  readonly weights: readonly number[];
  /** All of a scoring but its model. */
  readonly scoring: Omit<ScoreRequest, "model" | "onSet">;
  /** Told before a set is scored. */
  readonly onState: (weight: number, set: string) => void;
  readonly env: Env;
}

/** A point of a sweep with every score of every set. */
export interface ScoredWeight extends Pick<ScoreSheet, "rows" | "scores"> {
  readonly weight: number;
  /** Scored before, by a sweep over the same weights and sets. */
  readonly isKnown: boolean;
}

const format = "merge-sweep/1";

/**
 * Scores the merges of a sweep, one after another in memory. Scores are kept with the run, by the content of all that they depend on, so that no point is
 * scored twice.
 */
export async function sweepWeights(plan: SweepPlan, sweep: WeightSweep): Promise<readonly ScoredWeight[]> {
  const [old, fresh] = await Promise.all([openModelFolder(plan.old.path), openModelFolder(plan.fresh.path)]);
  checkAlike({ base: undefined, models: [old, fresh] }, [plan.old.name, plan.fresh.name]);
  prepareEngine();
  let current = 0;
  const scorer = await openScorer(
    { ...sweep.scoring, model: plan.fresh.path, onSet: (set) => sweep.onState(current, set) },
    old.preprocess,
  );
  const models = await Promise.all([old, fresh].map(({ files }) => weightsDigest(files)));
  const run = runFolderOf(plan.fresh.path);
  const folder = run === undefined ? join(cacheRoot(sweep.env), "merge-sweeps") : join(run, "merges", "scores");
  const scored = new Map<number, ScoredWeight>();
  const pair = new LoadedPair(plan, old);
  try {
    for (const weight of sweep.weights) {
      current = weight;
      const { tower, hasBase } = plan.mergeAt(weight);
      const digest = hashOf([format, models, tower, hasBase, plan.clampsLogitScale]);
      const file = join(folder, `${hashOf([digest, scorer.digest])}.json`);
      const known = stored(file);
      const found = known ?? (await pair.score(weight, { scorer, digest }));
      if (!known) store(file, found);
      scored.set(weight, { weight, ...found, isKnown: known !== undefined });
    }
  } finally {
    pair.release();
    await scorer.close();
  }
  return [...scored.values()];
}

type Found = Pick<ScoreSheet, "rows" | "scores">;

function stored(file: string): Found | undefined {
  try {
    const { format: found, ...rest } = JSON.parse(readFileSync(file, "utf8")) as Found & { readonly format: string };
    return found === format ? rest : undefined;
  } catch {
    // Absent, or not whole: it is scored anew and replaced.
    return undefined;
  }
}

function store(file: string, found: Found): void {
  mkdirSync(dirname(file), { recursive: true });
  writeOutput(file, [`${JSON.stringify({ format, ...found })}\n`]);
}

/** The two models of a sweep, read when the first point is scored. */
class LoadedPair {
  private readonly plan: SweepPlan;
  private readonly described: OpenedModel;
  private models: readonly Clip[] | undefined;

  constructor(plan: SweepPlan, described: OpenedModel) {
    this.plan = plan;
    this.described = described;
  }

  async score(weight: number, { scorer, digest }: { readonly scorer: Scorer; readonly digest: string }): Promise<Found> {
    const { tower, hasBase } = this.plan.mergeAt(weight);
    this.models ??= await Promise.all([this.plan.old, this.plan.fresh].map(async ({ path }) => (await loadModel(path)).model));
    const states = this.models.map(({ weights, buffers }) => new Map([...weights, ...buffers]));
    const [old, fresh] = states as [Map<string, Tensor>, Map<string, Tensor>];
    const { config } = this.described;
    const { clampsLogitScale } = this.plan;
    const settings = await resolveMerge({ towers: { image: tower, text: tower }, count: hasBase ? 1 : 2, hasBase, clampsLogitScale });
    const { weights: merged } = scope(() =>
      keep(mergeWeights({ config, ...(hasBase ? { base: old, models: [fresh] } : { models: [old, fresh] }) }, settings)),
    );
    const [first] = this.models;
    const part = (of: ReadonlyMap<string, Tensor> | undefined) => new Map([...merged].filter(([name]) => of?.has(name) === true));
    try {
      const model: Clip = { ...(first as Clip), weights: part(first?.weights), buffers: part(first?.buffers) };
      return await scorer.score(model, digest);
    } finally {
      release(merged);
    }
  }

  release(): void {
    release(this.models);
  }
}
