import { chargedOperations, chargeOf, multiplierOf } from "../budget/cost.ts";
import { publishedMethod, publishedMethods } from "../budget/published.ts";
import { type Learning, type LearningSides, stepFlops } from "../budget/step-flops.ts";
import type { Price } from "../budget/steps.ts";
import { compose, type Methods } from "../continual/compose.ts";
import type { RowInfo, RunFacts, SeenRows, StepIndex } from "../continual/method.ts";
import { type DataSource, sizeOf } from "../data/source.ts";
import { meanOf } from "../evaluation/aggregate.ts";
import { largestShares, mixturesOf } from "../mixtures/course.ts";
import { joinOrder, splitBatch } from "../mixtures/mixture.ts";
import type { ClipConfig } from "../models/architecture.ts";
import { parameterCounts } from "../models/parameters.ts";
import type { RunSpec } from "../runs/spec.ts";
import type { AccountingSpec } from "../runs/spec-values.ts";
import { EvergreenError } from "../util/errors.ts";
import { hashOf } from "../util/hash.ts";
import { runFacts, stepOptions } from "./assemble.ts";
import { type Scored, scoringWork } from "./held-out.ts";
import type { ModelSource } from "./model-source.ts";
import { embeddingCost, type ForwardCost, forwardCost } from "./plan-forward.ts";
import { fullBatch, type MeteredStep, meterStep } from "./plan-meter.ts";
import { workOf } from "./plan-shape.ts";
import type { Resolved } from "./resolve.ts";

/** What is metered: a step of the methods on a model, in a run of so many tasks. */
export interface Metered {
  readonly model: ModelSource;
  readonly methods: Methods;
  readonly tasks: number;
}

/** What is priced beside the step: the texts of a run's start, which are the pretraining pool's; the samples of an average task, and what is scored on held-back ones. */
interface Priced extends Metered {
  readonly pretraining: readonly DataSource[];
  readonly samples: number;
  readonly scored: Scored | undefined;
}

/** A price, and the memory in it over that of full fine-tuning; 1 where memory is not charged. */
export interface PricedWork extends Price {
  readonly multiplier: number;
}

/** What a step and what lies beside it cost in the unit of the run's budget; undefined where steps or samples are counted. */
export async function priceOf(spec: RunSpec, priced: Priced): Promise<PricedWork | undefined> {
  const { unit, accounting, stepMs } = spec.budget;
  if (unit === "time") return { runStart: 0, perTask: 0, perStep: stepMs ?? Number.NaN, strict: true, multiplier: 1 };
  if (!accounting) return undefined;
  const { stepsFrom, multipliers, taskEnds, strict } = accounting;
  const isMetered = stepsFrom === "metered" || (unit === "mafs" && multipliers === "metered");
  const own = isMetered ? await meteredAtMost(spec, priced) : undefined;
  const multiplier = unit === "mafs" ? await chargedMultiplier(spec, priced, { accounting, own }) : 1;
  const work = await operationsOf(spec, priced, { accounting, own: stepsFrom === "metered" ? own : undefined });
  return { ...chargeOf(work, multiplier, taskEnds), strict, multiplier };
}

/** How a run is charged, and its own step where that is metered. */
interface Charging {
  readonly accounting: AccountingSpec;
  readonly own: MeteredStep | undefined;
}

/** Charged operations of each phase, the mean over tasks. */
async function operationsOf(
  spec: RunSpec,
  priced: Priced,
  { accounting: { charge, taskEnds }, own }: Charging,
): Promise<Parameters<typeof chargeOf>[0]> {
  const { model, methods, tasks, samples, scored } = priced;
  const forward = forwardCost(model.config, spec.model.precision, charge);
  const step = own ? chargedOperations(own, charge) : closedFormOf(spec, model.config, methods);
  // The published charge is as for a pool of any size, at every number of tasks.
  const pool = taskEnds === "published" ? Number.POSITIVE_INFINITY : samples;
  const batches = batchesAtTaskEnd(methods, { samples: pool, batchSize: spec.data.batchSize });
  const scoring = scored ? (meanOf(scoringWork(scored).map((work) => embeddingCost(work, forward))) ?? 0) : 0;
  const passes = charge === "all" ? (meanOf(await methods.passes(tasks)) ?? 0) : 0;
  const taskEnd = batches * (own ? chargedOperations(own.between, charge) : step) + scoring + passes * parameterCounts(model.config).total;
  return { runStart: runStartOperations(spec, priced, forward), taskStart: 0, step, taskEnd };
}

/** Operations of a run's start, at most: one forward pass of the texts that methods embed. */
export function runStartOperations(
  { data }: RunSpec,
  { methods, pretraining }: Pick<Priced, "methods" | "pretraining">,
  forward: ForwardCost,
): number {
  const pool = largestShares(data.mixture).pretraining > 0 ? pretraining.reduce((sum, set) => sum + sizeOf(set, "train"), 0) : 0;
  const texts = methods.budgets.reduce((sum, budget) => sum + (budget.textsAtRunStart?.(pool) ?? 0), 0);
  return texts * forward.text;
}

/** FLOPs of each task's end: batches that methods look at, at what one costs, and scores on held-back samples. */
export function taskEndFlops({ plan, model, methods, scored }: Resolved, batchFlops: number): readonly number[] {
  const { batchSize } = plan.spec.data;
  const forward = forwardCost(model.config, plan.spec.model.precision, "products");
  const scoring = scored ? scoringWork(scored).map((work) => embeddingCost(work, forward)) : [];
  return plan.tasks.map(({ samples }, task) => batchesAtTaskEnd(methods, { samples, batchSize }) * batchFlops + (scoring[task] ?? 0));
}

/** Batches that all methods together look at when a task ends. */
export const batchesAtTaskEnd = (methods: Methods, of: { readonly samples: number; readonly batchSize: number }): number =>
  methods.budgets.reduce((sum, budget) => sum + (budget.batchesAtTaskEnd?.(of) ?? 0), 0);

/** Memory of the run's step over that of full fine-tuning by AdamW, by the table or by the meter; the host's counts where everything is charged. */
async function chargedMultiplier(
  spec: RunSpec,
  { model, methods, tasks }: Metered,
  { accounting: { multipliers, charge }, own }: Charging,
): Promise<number> {
  if (multipliers === "published" || !own) return publishedMultiplier(spec, methods);
  const train: RunSpec["model"]["train"] = { image: "all", text: "all", logitScale: true };
  const { lr, wd, clipGradNorm, decayAppliesTo } = spec.optim;
  const optim: RunSpec["optim"] = { name: "adamw", lr, wd, clipGradNorm, decayAppliesTo, betas: [0.9, 0.999], eps: 1e-8 };
  const reference = await meteredAtMost({ ...spec, optim, model: { ...spec.model, train } }, { model, methods: compose([]), tasks });
  return multiplierOf({ peakBytes: own.peakBytes + (charge === "all" ? own.hostBytes : 0) }, reference);
}

/** The table is of AdamW. @throws {EvergreenError} for what it has no row of. */
function publishedMultiplier({ model: { train }, optim }: RunSpec, methods: Methods): number {
  if (optim.name !== "adamw") throw unpublished(`the optimizer ${optim.name}`);
  const [only, ...others] = methods.list.filter(({ method }) => method.budget);
  if (only) {
    const found = others.length === 0 ? publishedMethod(only.method.budget?.published ?? "") : undefined;
    if (found) return found.multiplier;
    throw unpublished(`${[only, ...others].map(({ name }) => name).join(" with ")} as it is set`);
  }
  const sides = sidesOf(train);
  const row = sides && publishedMethods().find((method) => hashOf(method.sides) === hashOf(sides));
  if (row) return row.multiplier;
  throw unpublished(`model.train.image ${shown(train.image)}, text ${shown(train.text)}`);
}

const unpublished = (what: string): EvergreenError =>
  new EvergreenError(`budget: no published memory for ${what}`, {
    code: "EG-3121",
    exit: "config",
    fix: "set budget.accounting.multipliers to metered, or give the budget in FLOPs, samples or steps",
  });

/** FLOPs of the run's step in closed form. @throws {EvergreenError} where there is none. */
function closedFormOf(spec: RunSpec, config: ClipConfig, methods: Methods): number {
  const flops = knownClosedForm(spec, config, methods);
  if (flops !== undefined) return flops;
  const { train } = spec.model;
  const listed = methods.list.map(({ name }) => ` with ${name}`).join("");
  throw new EvergreenError(
    `budget: no closed form for model.train.image ${shown(train.image)}, text ${shown(train.text)}${listed} of this model`,
    {
      code: "EG-3122",
      exit: "config",
      fix: "set budget.accounting.steps_from to metered",
    },
  );
}

/** The same; undefined where there is none. */
export function knownClosedForm(spec: RunSpec, config: ClipConfig, methods: Methods): number | undefined {
  const { data } = spec;
  const sides = learningSides(spec, config, methods);
  return sides && stepFlops(workOf(config), sides, data.batchSize);
}

/** What learns under the methods, where the closed form can say it. */
export function learningSides({ model: { train } }: RunSpec, config: ClipConfig, methods: Methods): LearningSides | undefined {
  const [learns, ...others] = methods.budgets.flatMap((of) => of.learns ?? []);
  if (!learns) return sidesOf(train, config);
  const isWhole = train.image === "all" && train.text === "all" && others.length === 0;
  if (!isWhole || learns === "metered") return undefined;
  if (!("kind" in learns)) return learns;
  return config.vision.kind === "vit" ? { image: learns, text: learns } : undefined;
}

/** What learns, where the closed form can say it: not a list of patterns, and no last blocks of a ResNet. */
function sidesOf(train: RunSpec["model"]["train"], config?: ClipConfig): LearningSides | undefined {
  const image = sideOf(train.image);
  const text = sideOf(train.text);
  if (!image || !text || (image.kind === "last" && config?.vision.kind === "resnet")) return undefined;
  return { image, text };
}

function sideOf(part: RunSpec["model"]["train"]["image"]): Learning | undefined {
  if (typeof part !== "string") return undefined;
  if (part === "all" || part === "none") return { kind: part };
  return { kind: "last", blocks: Number(part.slice("last:".length)) };
}

/** Texts that fill the context: what a run is charged must not depend on its captions. The rows are those of a step whose buffer and reservoirs are full. */
export async function meteredAtMost(spec: RunSpec, { model, methods, tasks }: Metered): Promise<MeteredStep> {
  const options = await stepOptions(spec, { model });
  const facts = runFacts({ spec, tasks }, options);
  const rows = fullRows(spec, methods, facts);
  return meterStep(model.config, options, fullBatch(model.config, rows.length), { methods, facts, rows });
}

/** Rows of the mixture as the second task of a long run draws them at its end, and what methods ask for beside them after many steps. */
function fullRows({ data: { batchSize, mixture } }: RunSpec, methods: Methods, facts: RunFacts): readonly RowInfo[] {
  const shares = mixturesOf(mixture, { task: 1, steps: offered }).at(-1)?.shares ?? largestShares(mixture);
  const split = splitBatch({ batchSize, shares, pools: { update: batchSize, buffer: batchSize, pretraining: batchSize }, rule: "split" });
  const own = joinOrder.flatMap((role) => Array.from({ length: split[role] }, (): RowInfo => ({ id: "", role, caption: "" })));
  const at = ({ task, step }: StepIndex): readonly RowInfo[] => (task < 2 && step < offered ? own : []);
  const seen: SeenRows = Object.assign(at, { roles: (of: StepIndex) => at(of).map(({ role }) => role) });
  const asked = methods.rows({ task: 1, step: 0 }, seen, facts);
  return [...own, ...asked.map(({ role, mark }): RowInfo => ({ id: "", role, caption: "", ...(mark ? { mark } : {}) }))];
}

/** Steps of the task before, whose samples reservoirs were offered. */
const offered = 64;

const shown = (part: RunSpec["model"]["train"]["image"]): string => (typeof part === "string" ? part : JSON.stringify(part));
