import { performance } from "node:perf_hooks";
import { type MethodStates, replaceStates } from "../continual/compose.ts";
import type { HeldOutScores, TaskContext } from "../continual/method.ts";
import { requireGrad } from "../engine/grad.ts";
import { copyInto } from "../engine/ops.ts";
import { borrow, keep, release, scope, tensorsIn } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import type { Clip } from "../models/clip.ts";
import { distinctTexts } from "../models/texts.ts";
import { adapterName } from "../nn/adapter.ts";
import type { CheckpointKind, RunEvent } from "../runs/event.ts";
import { failpoint } from "../util/failpoint.ts";
import { checkpointBytes, expertFiles, type Position, storedState, writeTensors } from "./checkpoint.ts";
import type { StartingPoint, TaskWork, Training } from "./loop.ts";
import { assertFinite } from "./non-finite.ts";
import { probeLosses } from "./probe.ts";
import { rowBatches } from "./row-batches.ts";
import type { LearnedState } from "./sharing.ts";
import { closeLearner, createLearner, groupOf, type Learner } from "./step.ts";
import { withWeights } from "./with-weights.ts";

/** What a task's checkpoint is for, beside going on. */
interface Shipped {
  readonly weights: Weights;
  /** Names of the experts that are shipped as one, these weights the last of them; none where they stand for themselves. */
  readonly ensemble: readonly string[];
}

/** What changes while a run trains. */
export class Course {
  readonly run: Training;
  learner: Learner;
  /** undefined before the methods have begun. */
  states: MethodStates | undefined;
  private model: Clip;
  /** The learner has taken no step since it was made. */
  private isFresh: boolean;
  private savedAt = performance.now();
  stopped = false;
  private readonly warnings: RunEvent[] = [];

  constructor(run: Training, from: StartingPoint) {
    this.run = run;
    this.model = run.loaded.model;
    if (from.start) this.overwrite(from.start);
    if (from.adapters) {
      this.adapt(Math.max(0, from.position.task));
      for (const [name, value] of from.adapters) copyInto(this.model.adapters?.weights.get(name) as Tensor, value);
    }
    this.states = from.states;
    run.experts.restore(from.experts ?? {});
    release([from.start, from.adapters]);
    this.learner = this.createLearner(from.moments);
    this.isFresh = from.moments === undefined;
  }

  /** The model in training, with what stands beside its layers. */
  get live(): Clip {
    return this.model;
  }

  /** Before a task's first step: adapters where there are none, the methods' own beginnings, fresh moments. */
  async enter(task: number): Promise<void> {
    const { methods } = this.run;
    this.rest();
    if (!this.states) this.states = await methods.init(this.context(task));
    const isAdapted = methods.hasAdapters && !this.model.adapters;
    if (isAdapted) this.adapt(task);
    this.become(await methods.startTask(this.context(task), this.states));
    if (this.isFresh && !isAdapted) requireGrad(this.learner.leaves);
    else {
      closeLearner(this.learner);
      this.learner = this.createLearner();
    }
    this.isFresh = false;
  }

  /** After a task's last step: what hooks make of the weights between tasks carries no graph. */
  rest(): void {
    requireGrad(this.learner.leaves, false);
  }

  /** The next states; what only the old ones held is freed. */
  become(states: MethodStates): void {
    if (states === this.states) return;
    replaceStates(this.states ?? [], states);
    this.states = states;
  }

  /** Puts other weights in the place of those in training. Adapters beside the old ones go. */
  replaceWeights(weights: Weights): void {
    closeLearner(this.learner);
    this.overwrite(weights);
    release(this.model.adapters);
    const { adapters: _, ...plain } = this.model;
    this.model = plain;
    this.learner = this.createLearner();
    this.isFresh = true;
  }

  /** What the next steps depend on beside the run's settings, borrowed. */
  learned(): LearnedState {
    const { weights, buffers, adapters } = this.model;
    const states = this.run.methods.inSteps.map((i) => this.states?.[i] ?? null);
    return { weights, buffers, adapters: adapters?.weights ?? null, states };
  }

  /** Goes on from what another run's steps led to; its tensors are handed over. */
  take({ weights, buffers, adapters, states }: LearnedState): void {
    closeLearner(this.learner);
    this.overwrite(weights);
    for (const [name, value] of buffers) copyInto(this.model.buffers.get(name) as Tensor, value);
    for (const [name, value] of adapters ?? []) copyInto(this.model.adapters?.weights.get(name) as Tensor, value);
    release([weights, buffers, adapters]);
    const { inSteps } = this.run.methods;
    this.become((this.states ?? []).map((old, i) => (inSteps.includes(i) ? (states[inSteps.indexOf(i)] ?? null) : old)));
    this.learner = this.createLearner();
    this.isFresh = true;
  }

  /** Weights as they would be without adapters; the model's own where it has none. New ones are the caller's to release. */
  trained(): Weights {
    const { adapters, weights } = this.model;
    if (!adapters) return weights;
    return new Map(
      [...weights].map(([name, weight]) => {
        const site = adapters.sites.get(name);
        const own = (of: string): Tensor => adapters.weights.get(adapterName(name, of)) as Tensor;
        return [name, site ? scope(() => keep(site.fold({ weight, own }))) : weight];
      }),
    );
  }

  /** What a method is told of a task. */
  context(task: number): TaskContext {
    const { run } = this;
    const work = run.tasks[task] as TaskWork;
    borrow([this.model.weights, this.model.adapters?.weights]);
    return {
      task,
      steps: work.steps,
      run: run.facts,
      model: this.model,
      learns: (name) => this.learns(name),
      origin: run.origin,
      score: (weights) => this.score(weights, task),
      probe: (weights) => probeLosses(run, this.model, { task, weights }),
      experts: run.experts,
      seen: run.seen,
      tokens: (texts) => distinctTexts(texts, run.batches.tokenize, run.batches.contextLength).batch,
      warn: (code, message) => this.warnings.push({ type: "warning", code, message }),
      batches: (request) => batchesOf(run, work, request),
    };
  }

  private score(weights: Weights, task: number): Promise<HeldOutScores> {
    const { score, step } = this.run;
    if (!score) throw new Error("internal: a method scores weights and did not say that it would");
    return withWeights(this.model, weights, step.precision, (compute) => score(compute, task));
  }

  /** What methods have said since they were last asked. */
  takeWarnings(): readonly RunEvent[] {
    return this.warnings.splice(0);
  }

  private learns(name: string): boolean {
    const weight = this.model.weights.get(name) ?? this.model.adapters?.weights.get(name);
    return weight !== undefined && groupOf({ options: this.run.step, methods: this.run.methods }, name, weight) !== undefined;
  }

  stepsBefore(task: number): number {
    return this.run.tasks.slice(0, task).reduce((sum, { steps }) => sum + steps, 0);
  }

  stepOf({ task, step }: Position): number {
    return this.stepsBefore(Math.max(0, task)) + step;
  }

  isDue(): boolean {
    const { saveEveryMs } = this.run;
    return saveEveryMs !== undefined && performance.now() - this.savedAt >= saveEveryMs;
  }

  /** @throws {NonFiniteWeightsError} when nothing of this state should be kept. */
  assertFinite(position: Position, also: readonly Weights[] = []): void {
    const { moments } = this.learner;
    const { weights, adapters } = this.model;
    const at = { task: position.task, step: this.stepOf(position) };
    assertFinite([weights, ...(adapters ? [adapters.weights] : []), ...Object.values(moments), ...also], at);
  }

  /** Saves where the run stands. The weights of the checkpoint's model are those in training, adapters folded in, where nothing is shipped. */
  save(position: Position, kind: CheckpointKind, shipped?: Shipped): RunEvent {
    const { run, learner, model } = this;
    const inside = position.phase === "train" && position.step > 0;
    this.assertFinite(position, shipped ? [shipped.weights] : []);
    const { weights, ensemble } = shipped ?? { weights: this.trained(), ensemble: [] };
    const { adapters, ...plain } = model;
    const state = {
      model: { ...plain, weights },
      ...(ensemble.length > 0 ? { members: expertFiles(ensemble, run.experts.index()) } : {}),
      preprocess: run.loaded.preprocess,
      ...(weights === model.weights ? {} : { start: model.weights }),
      ...(adapters ? { adapters: adapters.weights } : {}),
      moments: inside ? learner.moments : {},
      states: this.states ?? [],
    };
    failpoint("phase:save");
    const { name, task, step, bytes } = run.sink.save({
      task: Math.max(0, position.task),
      step: this.stepOf(position),
      kind,
      bytes: checkpointBytes(state),
      state: { ...storedState(position, state.states, run.experts.index()) },
      write: (path) => writeTensors(path, state),
    });
    if (!shipped) this.releaseFolded(weights);
    this.savedAt = performance.now();
    return { type: "saved", task, step, kind, checkpoint: name, bytes };
  }

  /** Frees all but the model. */
  close(): void {
    closeLearner(this.learner);
    release([this.model.adapters, this.states]);
  }

  *stop(position: Position): Generator<RunEvent> {
    const saved = this.save(position, "stop");
    this.stopped = true;
    yield saved;
    if (saved.type === "saved") yield { type: "stopped", task: saved.task, step: saved.step, checkpoint: saved.checkpoint };
  }

  private releaseFolded(weights: Weights): void {
    const own = new Set(this.model.weights.values());
    release([...tensorsIn(weights)].filter((each) => !own.has(each)));
  }

  private adapt(task: number): void {
    const { methods, facts } = this.run;
    const adapters = methods.adapt(this.model, { task, random: facts.random });
    if (adapters) this.model = { ...this.model, adapters };
  }

  private overwrite(weights: Weights): void {
    for (const [name, value] of weights) copyInto(this.model.weights.get(name) as Tensor, value);
  }

  private createLearner(moments?: StartingPoint["moments"]): Learner {
    return createLearner(this.model, this.run.step, { moments, methods: this.run.methods });
  }
}

/** See {@link TaskContext.batches}. */
function batchesOf(run: Training, work: TaskWork, request: { readonly maxSamples: number; readonly batchSize: number }) {
  const rows = work.sampleRows(request.maxSamples);
  const size = Math.min(request.batchSize, rows.length);
  const count = size === 0 ? 0 : Math.floor(rows.length / size);
  return rowBatches(
    run,
    Array.from({ length: count }, (_, i) => rows.slice(i * size, (i + 1) * size)),
  );
}
