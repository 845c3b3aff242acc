import type { RunFacts } from "../continual/method.ts";
import type { Preprocess } from "../data/augment.ts";
import { createLoader, type Loader } from "../data/loader.ts";
import { datasetOf, type SampleId, type SampleRecord } from "../data/source.ts";
import { type BatchRows, type BatchSource, joinOrder } from "../mixtures/mixture.ts";
import { createRowDraws, pickCaption, type RowDraw, rowsAt, rowsBefore } from "../mixtures/positions.ts";
import type { LoadedModel } from "../models/load.ts";
import type { ImagePreprocess } from "../models/preprocess.ts";
import { remembering, type Tokenize } from "../models/texts.ts";
import { tokenize } from "../models/tokenizer.ts";
import { objectives } from "../nn/objective.ts";
import { optimizers } from "../nn/optimizer.ts";
import type { RunSpec } from "../runs/spec.ts";
import { type Schedule, schedules } from "../schedules/schedule.ts";
import { type Pool, poolOf, updatePool } from "../streams/pools.ts";
import type { BatchOptions, TrainingRow } from "../training/batches.ts";
import type { TaskWork } from "../training/loop.ts";
import type { StepOptions } from "../training/step.ts";
import type { ComponentSpec } from "../util/component.ts";
import { createRandom, type Random } from "../util/random.ts";
import { drawGroups } from "./draw-groups.ts";
import { groupsOf } from "./groups.ts";
import { shardSizes } from "./pretraining-pool.ts";
import type { Resolved } from "./resolve.ts";
import { Samples } from "./stream-of.ts";

/** CLIP's tokenizer with a memory, in the form the towers take. */
export const clipTokenizer = (): Tokenize => remembering((text, length) => tokenize(text, { contextLength: length }));

/** The image side of a loader, from what belongs to the weights. */
export const imagePreprocess = ({ size, resizeMode, interpolation, fill }: ImagePreprocess): Preprocess => ({
  size,
  resizeMode,
  interpolation,
  fill,
});

/** A loader with the transforms `train` (the run's augmentation) and `test` (the evaluation's). */
export function openLoader(spec: RunSpec, preprocess: ImagePreprocess, maxRows: number): Promise<Loader> {
  return createLoader({
    seed: spec.seed,
    preprocess: imagePreprocess(preprocess),
    transforms: { train: spec.data.augment, test: { name: "none" } },
    maxRows,
    ...(spec.data.workers === "auto" ? {} : { workers: Math.max(1, spec.data.workers) }),
  });
}

/** The optimizer with its own options: rate, decay and clipping are every optimizer's. */
export function optimizerOf({ optim }: Pick<RunSpec, "optim">): ComponentSpec {
  const { lr: _lr, wd: _wd, clipGradNorm: _norm, decayAppliesTo: _rule, ...own } = optim;
  return own;
}

/** Rate, decay, loss and optimizer by name become what a step uses. */
export async function stepOptions(spec: RunSpec, { model }: Pick<Resolved, "model">): Promise<StepOptions> {
  const { name: optimizerName, ...optimizerOptions } = optimizerOf(spec);
  const optimizer = await optimizers.load(optimizerName);
  const { microBatch, activationCheckpointing } = spec.engine;
  return {
    precision: spec.model.precision,
    objective: await objectives.load(spec.loss.name),
    optimizer,
    optimizerOptions: optimizer.options.parse(optimizerOptions),
    group: groupsOf(spec, model.config),
    clipNorm: spec.optim.clipGradNorm,
    clampLogitScale: spec.loss.clampLogitScale,
    checkpointing: activationCheckpointing,
    ...(microBatch === undefined ? {} : { microBatch }),
  };
}

/** What methods may know of a run. */
export function runFacts(
  { spec, tasks }: { readonly spec: Pick<RunSpec, "data" | "loss" | "seed">; readonly tasks: number },
  { precision, objective, microBatch }: StepOptions,
): RunFacts {
  const { seed, data, loss } = spec;
  return {
    tasks,
    precision,
    objective,
    batchSize: data.batchSize,
    ...(microBatch === undefined ? {} : { microBatch }),
    clampsLogitScale: loss.clampLogitScale,
    seed,
    random: createRandom(seed),
  };
}

/** The run's schedule, with its options read. */
export async function scheduleOf(spec: RunSpec): Promise<Schedule> {
  const { name, ...options } = spec.schedule;
  const definition = await schedules.load(name);
  return definition.build(definition.options.parse(options), { batchSize: spec.data.batchSize });
}

export function batchOptions(spec: RunSpec, loaded: LoadedModel, tokenizer: Tokenize): BatchOptions {
  return {
    preprocess: loaded.preprocess,
    tokenize: tokenizer,
    contextLength: loaded.model.config.text.contextLength,
    duplicates: spec.loss.duplicates,
  };
}

/** Rows of every step of every task, as pure functions of the plan. */
export function taskWork({ plan, stream, replay, data }: Resolved): readonly TaskWork[] {
  const random = createRandom(plan.spec.seed);
  const samples = new Samples(data.streamed);
  const pretraining = new Samples(data.pretraining);
  const allPools = plan.tasks.map((_, task) => ({ update: updatePool(stream, task), buffer: replay[task] ?? poolOf([]) }));
  const groups = drawGroups(plan.spec, stream, (source, task) => allPools[task]?.[source] ?? poolOf([]));
  const draws = createRowDraws(random, { shards: shardSizes(data.pretraining) }, groups);
  const tellerOf = plan.spec.data.captions === "shuffled" ? shuffledTellers(samples.all, random) : (record: SampleRecord) => record;
  let pretrainingDrawn = 0;
  return plan.tasks.map((planned, task): TaskWork => {
    const pools = allPools[task] ?? { update: poolOf([]), buffer: poolOf([]) };
    const before = pretrainingDrawn;
    pretrainingDrawn += rowsBefore(planned.phases, planned.steps).pretraining;
    const sizes = { update: pools.update.size, buffer: pools.buffer.size, pretraining: pretraining.all.length };
    const row = (draw: RowDraw): TrainingRow => {
      const record = draw.source === "pretraining" ? pretraining.all[draw.sample] : samples.get(pools[draw.source].sample(draw.sample));
      if (!record) throw new Error(`internal: pretraining sample ${draw.sample} of ${pretraining.all.length}`);
      const told = draw.source === "pretraining" ? record : tellerOf(record);
      const caption = pickCaption(random, { source: draw.source, task, position: draw.position }, told.captions);
      return {
        request: {
          id: record.id,
          image: record.image,
          transform: "train",
          draws: { purpose: `crop/${draw.source}`, task, index: draw.position },
        },
        caption,
        source: draw.source,
        ...(told.className === undefined ? {} : { concept: `${datasetOf(told.id)}/${told.className}` }),
        pass: draw.pass,
      };
    };
    return {
      ...(planned.name === undefined ? {} : { name: planned.name }),
      steps: planned.steps,
      sampleRows: (most) => drawnSamples(pools.update, most, { random, task }).map((id) => testRow(samples.get(id))),
      rolesAt: (step) => rolesOf(rowsAt(planned.phases, step)),
      rowsAt: (step) => draws({ task, step, phases: planned.phases, pools: sizes, pretrainingDrawn: before }).map(row),
    };
  });
}

/** For each sample the one whose caption and class it is told by: a permutation of all (purpose `control/captions`). */
function shuffledTellers(all: readonly SampleRecord[], random: Random): (record: SampleRecord) => SampleRecord {
  const order = random.at("control/captions").permutation(all.length);
  const tellers = new Map(all.map(({ id }, i) => [id, all[order[i] ?? i]]));
  return (record) => tellers.get(record.id) ?? record;
}

/** The sources of a batch's rows, in its order. */
const rolesOf = (rows: BatchRows): readonly BatchSource[] =>
  joinOrder.flatMap((source) => Array.from({ length: rows[source] }, () => source));

/** At most so many samples of a pool, in a drawn order (purpose `fisher`). */
function drawnSamples(pool: Pool, most: number, { random, task }: { readonly random: Random; readonly task: number }): readonly SampleId[] {
  const order = random.at("fisher", { task }).permutation(pool.size);
  return Array.from(order.subarray(0, Math.min(most, pool.size)), (index) => pool.sample(index));
}

/** A sample as an evaluation sees it, with its first caption. */
function testRow({ id, image, captions, className }: SampleRecord): TrainingRow {
  return {
    request: { id, image, transform: "test", draws: { purpose: "fisher", task: 0, index: 0 } },
    caption: captions[0] ?? "",
    source: "update",
    ...(className === undefined ? {} : { concept: `${datasetOf(id)}/${className}` }),
    pass: 0,
  };
}
