import type { MethodStates } from "../continual/compose.ts";
import { clone } from "../engine/ops.ts";
import { keep, release, scope, tensorsIn } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import type { EmbeddedModel } from "../evaluation/embedder.ts";
import type { ClipConfig } from "../models/architecture.ts";
import { type ComputeWeights, computeWeights } from "../models/clip.ts";
import { parameters } from "../models/parameters.ts";
import type { RunEvent } from "../runs/event.ts";
import { type Lineage, taskWeights } from "../runs/lineage.ts";
import { failpoint } from "../util/failpoint.ts";
import type { Position } from "./checkpoint.ts";
import type { Course } from "./course.ts";
import { ledgerOf } from "./ledger.ts";
import { withWeights } from "./with-weights.ts";

/** What a task leaves: states, and the weights that are shipped and gone on from. */
interface Outcome {
  readonly states: MethodStates;
  readonly trained: Weights;
  readonly deploy: Weights;
  readonly start: Weights;
  readonly lineage: Lineage;
  /** Everything that was made for it and is in no state. */
  readonly made: unknown;
}

/**
 * What lies between a task's last step and the next one's first: the methods' end of the task, its expert, deployed and start weights; evaluation; checkpoint. Deployed weights are never
 * left in the model. An evaluation that is interrupted leaves the run as it was before the border.
 */
export async function* border(course: Course, task: number): AsyncGenerator<RunEvent> {
  const { run } = course;
  const work = run.tasks[task];
  const at: Position = { task, step: work?.steps ?? 0, phase: "evaluate" };
  course.assertFinite(at);
  course.rest();
  failpoint("phase:evaluate");
  const experts = run.experts.index();
  const outcome = task < 0 ? undefined : await outcomeOf(course, task);
  const warnings = course.takeWarnings();
  const events = await evaluate(course, task, outcome);
  if (!events) {
    if (outcome) discard(course, outcome);
    run.experts.restore(experts);
    yield* course.stop(at);
    return;
  }
  if (work) for (const row of ledgerOf(task, course.stepsBefore(task + 1), work)) run.sink.draw(row);
  yield* warnings;
  yield* events;
  if (outcome && run.methods.decidesWeights) yield { type: "lineage", task, ...outcome.lineage };
  if (outcome) yield settle(course, task, outcome);
}

async function outcomeOf(course: Course, task: number): Promise<Outcome> {
  const { methods } = course.run;
  const context = course.context(task);
  const ended = await methods.endTask(context, course.states ?? []);
  const trained = course.trained();
  const expert = await methods.expert(trained, context, ended);
  const { deploy = expert, start = expert, state: flowed = ended, lineage } = await methods.flow(expert, context, ended);
  const states = await methods.shipped(deploy, context, flowed);
  return {
    states,
    trained,
    deploy,
    start,
    lineage: lineage ?? usualLineage(methods.deciding, task, { deploy: deploy === expert, start: start === expert }),
    made: [trained, expert, deploy, start, ended, flowed],
  };
}

/** Of weights whose method does not say more: they are the expert, or made of it. */
function usualLineage(by: string, task: number, isExpert: { readonly deploy: boolean; readonly start: boolean }): Lineage {
  const own = taskWeights(task);
  const other = `${by}-${task + 1}`;
  const made = isExpert.deploy && isExpert.start ? [] : [{ name: other, by, of: [{ weights: own }] }];
  return { deploy: isExpert.deploy ? own : other, start: isExpert.start ? own : other, made };
}

async function evaluate(course: Course, task: number, outcome: Outcome | undefined): Promise<readonly RunEvent[] | undefined> {
  const { run, live, learner } = course;
  const state = run.methods.decidesWeights ? "deployed" : "live";
  const at = { task, step: course.stepsBefore(task + 1), state } as const;
  if (!outcome && run.given) return run.evaluate({ ...at, compute: narrowed(learner.compute, run.given) });
  if (!outcome) return run.evaluate({ ...at, compute: learner.compute });
  const { models, close } = await rivalsOf(course, task);
  const place = { ...at, ...(models.length > 0 ? { rivals: models } : {}) };
  try {
    if (outcome.deploy === live.weights) return await run.evaluate({ ...place, compute: learner.compute });
    return await withWeights(live, outcome.deploy, run.step.precision, (compute) => run.evaluate({ ...place, compute }));
  } finally {
    close();
  }
}

/** The models that are evaluated beside the deployed one, mapped from their files; copies in the precision of the run are made for each use. */
async function rivalsOf({ run, live }: Course, task: number): Promise<{ readonly models: readonly EmbeddedModel[]; close(): void }> {
  const mapped: Weights[] = [];
  for (const name of run.methods.ensemble(task).slice(0, -1)) mapped.push(await run.experts.get(name));
  const { adapters: _, ...plain } = live;
  const models = mapped.map((tensors) => {
    const part = (of: Weights): Weights => new Map([...of.keys()].map((name) => [name, tensors.get(name) as Tensor]));
    return () => computeWeights({ ...plain, weights: part(live.weights), buffers: part(live.buffers) }, run.step.precision);
  });
  return { models, close: () => release(mapped) };
}

/** The model with the parameters of an architecture alone. */
function narrowed(compute: ComputeWeights, config: ClipConfig): ComputeWeights {
  return { ...compute, config, weights: new Map(parameters(config).map(({ name }) => [name, compute.weights.get(name) as Tensor])) };
}

/** Makes the outcome the run's own and saves it. Under the latest weights adapters stay as they are, unfolded. */
function settle(course: Course, task: number, outcome: Outcome): RunEvent {
  const { states, trained, start } = outcome;
  const deploy = start === trained ? outcome.deploy : apart(outcome.deploy, course.live.weights);
  if (start !== trained) course.replaceWeights(start);
  const old = course.states;
  course.states = states;
  const kind = task === course.run.tasks.length - 1 ? "finish" : "task_end";
  const saved = course.save({ task: task + 1, step: 0, phase: "train" }, kind, {
    weights: deploy,
    ensemble: course.run.methods.ensemble(task),
  });
  free(course, { ...outcome, made: [outcome.made, deploy, old] }, states);
  return saved;
}

/** The weights with copies of those that the model in training holds itself. */
function apart(weights: Weights, live: Weights): Weights {
  const own = new Set(live.values());
  return new Map([...weights].map(([name, value]) => [name, own.has(value) ? scope(() => keep(clone(value))) : value]));
}

function discard(course: Course, outcome: Outcome): void {
  free(course, { ...outcome, made: [outcome.made, outcome.states] }, course.states ?? []);
}

/** Frees what was made and is held by nothing that goes on. */
function free(course: Course, { made }: Outcome, states: MethodStates): void {
  const held = tensorsIn([course.live.weights, course.live.adapters?.weights, states, course.run.borrowed()]);
  release([...tensorsIn(made)].filter((each) => !held.has(each)));
}
