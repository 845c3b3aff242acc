import { type Difference, engineDifferences } from "../budget/engine-form.ts";
import { fusedAttention, unfusedAttention } from "../budget/step-flops.ts";
import type { RunFacts } from "../continual/method.ts";
import { isWidened } from "../engine/kernels.ts";
import { pack } from "../models/text-transformer.ts";
import { distinctTexts } from "../models/texts.ts";
import type { RunSpec } from "../runs/spec.ts";
import { excludedPairs, rowInfo, type TrainingRow } from "../training/batches.ts";
import type { TaskWork } from "../training/loop.ts";
import { clipTokenizer, runFacts, stepOptions, taskWork } from "./assemble.ts";
import { meanAsked, seenRows, withMethodRows } from "./method-rows.ts";
import { knownClosedForm, learningSides, meteredAtMost, runStartOperations } from "./plan-cost.ts";
import { forwardCost } from "./plan-forward.ts";
import { fullBatch, type MeteredStep, meterStep, type PlannedBatch, type PlannedCourse } from "./plan-meter.ts";
import { workOf } from "./plan-shape.ts";
import { captionsAreHere } from "./plan-unopened.ts";
import type { Resolved } from "./resolve.ts";

/** What a step of a run costs, in closed form and as the engine counts it. */
export interface StepForecast {
  /** The published formula; absent where it has no case for what learns. */
  readonly closedForm?: number;
  /** FLOPs on the run's own captions, the mean of some steps; on texts that fill the context where they are not there. */
  readonly metered: number;
  /** What of that is computed again. */
  readonly recomputed: number;
  /** Entries that all else reads or writes. */
  readonly elements: number;
  /** Why the engine's count is another than the closed form's. */
  readonly differences: readonly Difference[];
  /** What these reasons leave unexplained, as a share of the metered FLOPs. */
  readonly unexplained: number;
  /** Whether that is within the rule of 2 %. */
  readonly agrees: boolean;
  readonly peakBytes: number;
  readonly momentBytes: number;
  readonly stateBytes: number;
  /** See {@link MeteredStep.hostBytes}. */
  readonly hostBytes: number;
  /** See {@link MeteredStep}. */
  readonly expertBytes: number;
  readonly unreached: readonly string[];
  /** FLOPs of what methods do before the first step: at most, in closed form, where captions are not there. */
  readonly startFlops: number;
  /** See {@link MeteredStep.between}. */
  readonly between: MeteredStep["between"];
}

/** Largest share that may stay unexplained. */
const agreement = 0.02;
/** Steps that are metered: their captions differ. */
const sampled = 3;

/** Meters some steps of a run on shapes. Captions are read, images are not. */
export async function forecastStep(resolved: Resolved): Promise<StepForecast> {
  const { spec } = resolved.plan;
  const { config } = resolved.model;
  const options = await stepOptions(spec, resolved);
  const facts = runFacts({ spec, tasks: resolved.plan.tasks.length }, options);
  const { methods } = resolved;
  const works = captionsAreHere(resolved.data) ? taskWork(resolved) : [];
  const sampled = sampledRows(works, resolved, facts);
  const batches = sampled.map((rows) => plannedBatch(spec, rows, config.text.contextLength));
  const steps: MeteredStep[] = [];
  const course = courseOf(works, config.text.contextLength);
  for (const [i, batch] of batches.entries())
    steps.push(await meterStep(config, options, batch, { methods, facts, rows: (sampled[i] ?? []).map(rowInfo), course }));
  if (steps.length === 0) steps.push(await meteredAtMost(spec, { model: resolved.model, methods, tasks: resolved.plan.tasks.length }));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const ofAll = ofAllSteps(works, resolved, { facts, sampled });
  const metered = mean(steps.map(({ flops }) => flops)) * ofAll;
  const closedForm = knownClosedForm(spec, config, methods);
  const differences =
    closedForm === undefined ? [] : explained(resolved, batches.length > 0 ? batches : [fullBatch(config, spec.data.batchSize)]);
  const expected = differences.reduce((sum, { flops }) => sum + flops, closedForm ?? metered);
  const unexplained = (metered - expected) / metered;
  return {
    ...(closedForm === undefined ? {} : { closedForm }),
    metered,
    recomputed: mean(steps.map(({ recomputed }) => recomputed)) * ofAll,
    elements: mean(steps.map(({ elements }) => elements)) * ofAll,
    differences,
    unexplained,
    agrees: Math.abs(unexplained) <= agreement,
    peakBytes: Math.max(...steps.map(({ peakBytes }) => peakBytes)),
    momentBytes: steps[0]?.momentBytes ?? 0,
    stateBytes: steps[0]?.stateBytes ?? 0,
    hostBytes: steps[0]?.hostBytes ?? 0,
    expertBytes: steps[0]?.expertBytes ?? 0,
    unreached: steps[0]?.unreached ?? [],
    startFlops: works.length > 0 ? (steps[0]?.startFlops ?? 0) : startFlopsAtMost(resolved),
    between: steps[0]?.between ?? { flops: 0, elements: 0, peakBytes: 0 },
  };
}

const startFlopsAtMost = ({ plan: { spec }, model, methods, data }: Resolved): number =>
  runStartOperations(spec, { methods, pretraining: data.pretraining }, forwardCost(model.config, spec.model.precision, "products"));

const courseOf = (works: readonly TaskWork[], contextLength: number): PlannedCourse => ({
  steps: works.map(({ steps }) => steps),
  seen: seenRows(works),
  tokens: (texts) => distinctTexts(texts, clipTokenizer(), contextLength).batch,
});

/** Rows of steps in the middle of tasks, spread over the stream. */
function sampledRows(tasks: readonly TaskWork[], { methods }: Resolved, facts: RunFacts): readonly (readonly TrainingRow[])[] {
  const works = withMethodRows(tasks, methods, facts);
  const places = Array.from({ length: Math.min(sampled, works.length) }, (_, i) => Math.floor((i * works.length) / sampled));
  return [...new Set(places)].flatMap((place) => {
    const work = works[place];
    return work ? [work.rowsAt(Math.floor(work.steps / 2))] : [];
  });
}

/** How large the mean step of a run is beside the sampled ones, by rows: methods ask for more in some steps than in others. */
function ofAllSteps(
  works: readonly TaskWork[],
  { methods, plan }: Resolved,
  { facts, sampled }: { readonly facts: RunFacts; readonly sampled: readonly (readonly TrainingRow[])[] },
): number {
  if (!methods.asksRows || sampled.length === 0) return 1;
  const rows = sampled.reduce((sum, { length }) => sum + length, 0) / sampled.length;
  return (plan.spec.data.batchSize + meanAsked(works, methods, facts)) / rows;
}

function plannedBatch(spec: RunSpec, rows: readonly TrainingRow[], contextLength: number): PlannedBatch {
  const captions = rows.map(({ caption }) => caption);
  const { batch, rowOf } = distinctTexts(captions, clipTokenizer(), contextLength);
  const excluded = excludedPairs(rows, rowOf, spec.loss.duplicates);
  return { texts: batch, textOf: rowOf, ...(excluded.length > 0 ? { excluded } : {}) };
}

/** The mean over the batches of each reason's FLOPs. */
function explained({ plan, model, methods }: Resolved, batches: readonly PlannedBatch[]): readonly Difference[] {
  const { spec } = plan;
  const sides = learningSides(spec, model.config, methods);
  if (!sides) return [];
  const { microBatch, activationCheckpointing } = spec.engine;
  const inParts = microBatch !== undefined && microBatch < spec.data.batchSize;
  const sums = new Map<string, number>();
  for (const { texts, textOf } of batches) {
    const found = engineDifferences(workOf(model.config), sides, {
      batch: textOf.length,
      texts: parts(texts, inParts ? microBatch : texts.rows).map((part) => {
        const packed = pack(part, model.config.text.prompts);
        return { rows: packed.rows, tokens: packed.ids.length, longest: packed.length };
      }),
      // The kernel of bfloat16 keeps its scores.
      attention: spec.model.precision === "bf16" && !isWidened("bfloat16") ? unfusedAttention : fusedAttention,
      extraForwards: Number(inParts) + Number(activationCheckpointing),
    });
    for (const { reason, flops } of found) sums.set(reason, (sums.get(reason) ?? 0) + flops / batches.length);
  }
  return [...sums].map(([reason, flops]) => ({ reason, flops }));
}

function parts(texts: PlannedBatch["texts"], size: number): readonly PlannedBatch["texts"][] {
  return Array.from({ length: Math.ceil(texts.rows / size) }, (_, i) => {
    const rows = Math.min(size, texts.rows - i * size);
    return { rows, length: texts.length, ids: texts.ids.subarray(i * size * texts.length, (i * size + rows) * texts.length) };
  });
}
