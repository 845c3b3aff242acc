import { chargeOf, multiplierOf } from "../budget/cost.ts";
import { publishedMethod, publishedMethods } from "../budget/published.ts";
import { type Learning, type LearningSides, stepFlops } from "../budget/step-flops.ts";
import type { Price } from "../budget/steps.ts";
import { compose, type Methods } from "../continual/compose.ts";
import type { RowInfo } from "../continual/method.ts";
import type { ClipConfig } from "../models/architecture.ts";
import type { RunSpec } from "../runs/spec.ts";
import type { AccountingSpec } from "../runs/spec-values.ts";
import { EvergreenError } from "../util/errors.ts";
import { hashOf } from "../util/hash.ts";
import { runFacts, stepOptions } from "./assemble.ts";
import type { ModelSource } from "./model-source.ts";
import { fullBatch, type MeteredStep, meterStep } from "./plan-meter.ts";
import { workOf } from "./plan-shape.ts";

/** What is priced: the methods on a model, and the samples of an average task. */
export interface Priced {
  readonly model: ModelSource;
  readonly methods: Methods;
  readonly samples: number;
}

/** What a step and what lies beside it cost in the unit of the run's budget; undefined where steps or samples are counted. */
export async function priceOf(spec: RunSpec, { model, methods, samples }: Priced): Promise<Price | undefined> {
  const { unit, accounting, stepMs } = spec.budget;
  if (unit === "time") return { runStart: 0, perTask: 0, perStep: stepMs ?? Number.NaN, strict: true };
  if (!accounting) return undefined;
  const metered = accounting.stepsFrom === "metered" ? await meteredAtMost(spec, model, methods) : undefined;
  const step = metered?.flops ?? closedFormOf(spec, model.config, methods);
  const multiplier = unit === "mafs" ? await chargedMultiplier(spec, { model, methods }, accounting) : 1;
  const taskEnd = batchesAtTaskEnd(methods, { samples, batchSize: spec.data.batchSize }) * (metered?.between.flops ?? step);
  return { ...chargeOf({ runStart: 0, taskStart: 0, step, taskEnd }, multiplier, "fair"), strict: accounting.strict };
}

/** Batches that all methods together look at when a task ends. */
export const batchesAtTaskEnd = (methods: Methods, of: { readonly samples: number; readonly batchSize: number }): number =>
  methods.budgets.reduce((sum, budget) => sum + (budget.batchesAtTaskEnd?.(of) ?? 0), 0);

/** Memory of the run's step over that of full fine-tuning, by the table or by the meter. */
export async function chargedMultiplier(
  spec: RunSpec,
  { model, methods }: Omit<Priced, "samples">,
  { multipliers }: AccountingSpec,
): Promise<number> {
  if (multipliers === "published") return publishedMultiplier(spec, methods);
  const own = await meteredAtMost(spec, model, methods);
  const train: RunSpec["model"]["train"] = { image: "all", text: "all", logitScale: true };
  return multiplierOf(own, await meteredAtMost({ ...spec, model: { ...spec.model, train } }, model, compose([])));
}

function publishedMultiplier({ model: { train } }: RunSpec, methods: Methods): number {
  const [only, ...others] = methods.list.filter(({ method }) => method.budget);
  if (only) {
    const found = others.length === 0 ? publishedMethod(only.method.budget?.published ?? "") : undefined;
    if (found) return found.multiplier;
    throw new EvergreenError(`budget: no published memory for ${[only, ...others].map(({ name }) => name).join(" with ")} as it is set`, {
      code: "EG-3121",
      exit: "config",
      fix: "set budget.accounting.multipliers to metered, or give the budget in FLOPs, samples or steps",
    });
  }
  const sides = sidesOf(train);
  const row = sides && publishedMethods().find((method) => hashOf(method.sides) === hashOf(sides));
  if (row) return row.multiplier;
  throw new EvergreenError(`budget: no published memory for model.train.image ${shown(train.image)}, text ${shown(train.text)}`, {
    code: "EG-3121",
    exit: "config",
    fix: "set budget.accounting.multipliers to metered, or give the budget in FLOPs, samples or steps",
  });
}

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
export function sidesOf(train: RunSpec["model"]["train"], config?: ClipConfig): LearningSides | undefined {
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

/** Texts that fill the context: what a run is charged must not depend on its captions. */
export async function meteredAtMost(spec: RunSpec, model: ModelSource, methods: Methods): Promise<MeteredStep> {
  const options = await stepOptions(spec, { model });
  const { batchSize } = spec.data;
  const extra = Array.from({ length: methods.mostRows(batchSize) }, (): RowInfo => ({ id: "", role: "reservoir", caption: "" }));
  const own = Array.from({ length: batchSize }, (): RowInfo => ({ id: "", role: "update", caption: "" }));
  const facts = runFacts({ spec, tasks: 2 }, options);
  return meterStep(model.config, options, fullBatch(model.config, batchSize + extra.length), { methods, facts, rows: [...own, ...extra] });
}

const shown = (part: RunSpec["model"]["train"]["image"]): string => (typeof part === "string" ? part : JSON.stringify(part));
