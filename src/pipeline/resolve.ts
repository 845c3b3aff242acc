import { stepsPerTask } from "../budget/steps.ts";
import type { Methods } from "../continual/compose.ts";
import { openSources, planSources, type SourceOpener } from "../data/open-sources.ts";
import { type DataSource, sizeOf } from "../data/source.ts";
import { checkDevice, engineInfo, setThreads } from "../engine/facts.ts";
import { activeKernels } from "../engine/kernels.ts";
import { evaluators } from "../evaluation/evaluator.ts";
import { checkCourse, mixturesOf } from "../mixtures/course.ts";
import { splitBatch } from "../mixtures/mixture.ts";
import type { ClipConfig } from "../models/architecture.ts";
import { buffers } from "../models/parameters.ts";
import { type PlannedSource, type PlannedTask, type RunPlan, type SourceUse, sealPlan } from "../runs/plan.ts";
import type { RunSpec } from "../runs/spec.ts";
import { type Pool, updatePool } from "../streams/pools.ts";
import type { Stream } from "../streams/stream.ts";
import type { TestSplits } from "../streams/test-splits.ts";
import { EvergreenError } from "../util/errors.ts";
import { createRandom } from "../util/random.ts";
import { usedPlugins, usePlugins } from "./catalogues.ts";
import { codeVersion } from "./code-version.ts";
import { checkTakesEnsembles } from "./evaluate.ts";
import { groupsOf } from "./groups.ts";
import { holdBack, type Scored } from "./held-out.ts";
import { withFileDigests } from "./method-files.ts";
import { methodsOf } from "./methods.ts";
import { findModel, type ModelFinder, type ModelSource, methodModel, planModel } from "./model-source.ts";
import { openTogether } from "./open-together.ts";
import { type PricedWork, priceOf } from "./plan-cost.ts";
import { namedShapes } from "./plan-meter.ts";
import { replayPools } from "./replay.ts";
import { openRunData, type RunData } from "./sources.ts";
import { streamOf } from "./stream-of.ts";
import { testsOfRun } from "./stream-tests.ts";

/** A plan with the opened things it was made from. */
export interface Resolved {
  readonly plan: RunPlan;
  readonly data: RunData;
  readonly stream: Stream;
  /** What each task replays. */
  readonly replay: readonly Pool[];
  readonly model: ModelSource;
  readonly methods: Methods;
  /** Test items by task, where the run is scored on them and all of its sets are there. */
  readonly tests?: TestSplits;
  /** What weights are scored on while the run trains; absent where no method asks. */
  readonly scored?: Scored;
  /** What the budget was divided by; absent where steps or samples are counted. */
  readonly price?: PricedWork;
}

/** How names become data and weights. */
export interface Doors {
  readonly sources: SourceOpener;
  readonly model: ModelFinder;
}

/** To train: what is not there is refused. */
export const toTrain: Doors = { sources: openSources, model: findModel };
/** To plan: what is not there is known by its counts and shapes. */
export const toPlan: Doors = { sources: planSources, model: planModel };

/** Turns a spec into a plan: finds every name, opens indexes, divides the budget. No image is read, no weight is trained. */
export async function resolveRun(spec: RunSpec, folder: string, doors: Doors = toTrain): Promise<Resolved> {
  usePlugins(spec.plugins);
  const device = checkDevice(spec.engine.device);
  setThreads(spec.engine.threads === "auto" ? undefined : spec.engine.threads);
  const methods = await methodsOf(spec);
  const { evaluator } = spec.eval;
  if (evaluator && methods.shipsEnsembles) checkTakesEnsembles(evaluator.name, await evaluators.load(evaluator.name));
  const [opened, found] = await openTogether(openRunData(spec, folder, doors.sources), doors.model(spec));
  const model = methodModel(found, methods, spec.seed);
  const { data, heldOut } = methods.scoring ? holdBack(opened, methods, createRandom(spec.seed)) : { data: opened };
  checkMicroBatch(spec, model.config);
  const stream = await streamOf(spec, data.streamed, data.manifest);
  const replay = await replayPools(spec, stream, data);
  const samples = stream.tasks.reduce((sum, _, task) => sum + updatePool(stream, task).size, 0) / stream.tasks.length;
  const scored = heldOut && methods.scoring ? { heldOut, stream, scoring: methods.scoring, random: createRandom(spec.seed) } : undefined;
  const price = await priceOf(spec, { model, methods, tasks: stream.tasks.length, pretraining: data.pretraining, samples, scored });
  const steps = stepsPerTask(spec.budget, { batchSize: spec.data.batchSize, tasks: stream.tasks.length, ...(price ? { price } : {}) });
  const info = engineInfo();
  const plan = sealPlan({
    spec: withFileDigests(spec),
    model: { ...model.planned, trainable: trainableOf(spec, model.config, methods) },
    sources: plannedSources(data),
    tasks: plannedTasks(spec, { stream, replay, data, steps }),
    code: codeVersion(),
    ...usedPlugins(spec),
    engine: { ...info, device, node: process.versions.node, kernels: activeKernels() },
  });
  const isHere = data.evaluated.every(({ unopened }) => !unopened);
  const tests = spec.eval.splits && isHere ? { tests: testsOfRun(data, stream, spec.eval.on) } : {};
  return { plan, data, stream, replay, model, methods, ...tests, ...(scored ? { scored } : {}), ...(price ? { price } : {}) };
}

/** Entries of all parameters that learn, adapters' among them. */
function trainableOf(spec: RunSpec, config: ClipConfig, methods: Methods): number {
  const group = groupsOf(spec, config);
  return namedShapes(config, methods)
    .filter(({ name, shape }) => group(name, shape) && methods.trainable(name))
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/**
 * Batch norm looks at the whole batch: embedding it in parts would not be exact.
 * @throws {EvergreenError} for such a model with `engine.micro_batch`.
 */
export function checkMicroBatch({ engine, data }: Pick<RunSpec, "engine" | "data">, config: ClipConfig): void {
  if (engine.microBatch === undefined || engine.microBatch >= data.batchSize || buffers(config).length === 0) return;
  throw new EvergreenError(
    "engine.micro_batch: this model has batch norm, whose statistics are those of the whole batch; the result would not be exact",
    {
      code: "EG-3131",
      exit: "config",
      fix: "leave engine.micro_batch out and set engine.activation_checkpointing, or lower data.batch_size",
    },
  );
}

function plannedSources({ streamed, pretraining, evaluated }: RunData): readonly PlannedSource[] {
  const found = new Map<DataSource["name"], { readonly source: DataSource; readonly uses: SourceUse[]; scored?: DataSource }>();
  const add = (sets: readonly DataSource[], use: SourceUse): void => {
    for (const source of sets) {
      const known = found.get(source.name) ?? { source, uses: [] };
      known.uses.push(use);
      if (use === "evaluation") known.scored = source;
      found.set(source.name, known);
    }
  };
  add(streamed, "update");
  add(pretraining, "pretraining");
  add(evaluated, "evaluation");
  return [...found.values()].map(({ source, uses, scored = source }) => ({
    name: source.name,
    uses,
    // KA counts what is streamed, whatever the set's usual role.
    role: uses.includes("update") ? "adapt" : source.role,
    fingerprint: scored.fingerprint,
    ...(source.fingerprint === scored.fingerprint ? {} : { trained: source.fingerprint }),
  }));
}

function plannedTasks(
  spec: RunSpec,
  { stream, replay, data, steps }: Pick<Resolved, "stream" | "replay" | "data"> & { readonly steps: number },
): readonly PlannedTask[] {
  const { batchSize, mixture, firstTaskRule: rule } = spec.data;
  checkCourse(mixture, stream.tasks.length);
  const pretraining = data.pretraining.reduce((sum, set) => sum + sizeOf(set, "train"), 0);
  return stream.tasks.map(({ name, concepts }, index) => {
    const pools = { update: updatePool(stream, index).size, buffer: replay[index]?.size ?? 0, pretraining };
    return {
      index,
      ...(name === undefined ? {} : { name }),
      steps,
      concepts: concepts.map(({ id }) => id),
      samples: pools.update,
      phases: mixturesOf(mixture, { task: index, steps }).map(({ from, shares }) => ({
        from,
        rows: splitBatch({ batchSize, shares, pools, rule }),
      })),
    };
  });
}
