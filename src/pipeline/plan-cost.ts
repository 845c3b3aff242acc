import { chargeOf, multiplierOf } from "../budget/cost.ts";
import { publishedMethods } from "../budget/published.ts";
import { type Learning, type LearningSides, stepFlops } from "../budget/step-flops.ts";
import type { Price } from "../budget/steps.ts";
import type { ClipConfig } from "../models/architecture.ts";
import type { RunSpec } from "../runs/spec.ts";
import type { AccountingSpec } from "../runs/spec-values.ts";
import { EvergreenError } from "../util/errors.ts";
import { hashOf } from "../util/hash.ts";
import { stepOptions } from "./assemble.ts";
import type { ModelSource } from "./model-source.ts";
import { fullBatch, type MeteredStep, meterStep } from "./plan-meter.ts";
import { workOf } from "./plan-shape.ts";

/** What a step and what lies beside it cost in the unit of the run's budget; undefined where steps or samples are counted. */
export async function priceOf(spec: RunSpec, model: ModelSource): Promise<Price | undefined> {
  const { unit, accounting, stepMs } = spec.budget;
  if (unit === "time") return { runStart: 0, perTask: 0, perStep: stepMs ?? Number.NaN, strict: true };
  if (!accounting) return undefined;
  const step = accounting.stepsFrom === "metered" ? (await meteredAtMost(spec, model)).flops : closedFormOf(spec, model.config);
  const multiplier = unit === "mafs" ? await chargedMultiplier(spec, model, accounting) : 1;
  return { ...chargeOf({ runStart: 0, taskStart: 0, step, taskEnd: 0 }, multiplier, "fair"), strict: accounting.strict };
}

/** Memory of the run's step over that of full fine-tuning, by the table or by the meter. */
export async function chargedMultiplier(spec: RunSpec, model: ModelSource, { multipliers }: AccountingSpec): Promise<number> {
  if (multipliers === "published") return publishedMultiplier(spec);
  const own = await meteredAtMost(spec, model);
  const train: RunSpec["model"]["train"] = { image: "all", text: "all", logitScale: true };
  return multiplierOf(own, await meteredAtMost({ ...spec, model: { ...spec.model, train } }, model));
}

function publishedMultiplier({ model: { train } }: RunSpec): number {
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
function closedFormOf(spec: RunSpec, config: ClipConfig): number {
  const flops = knownClosedForm(spec, config);
  if (flops !== undefined) return flops;
  const { train } = spec.model;
  throw new EvergreenError(`budget: no closed form for model.train.image ${shown(train.image)}, text ${shown(train.text)} of this model`, {
    code: "EG-3122",
    exit: "config",
    fix: "set budget.accounting.steps_from to metered",
  });
}

/** The same; undefined where there is none. */
export function knownClosedForm({ model: { train }, data }: RunSpec, config: ClipConfig): number | undefined {
  const sides = sidesOf(train, config);
  return sides && stepFlops(workOf(config), sides, data.batchSize);
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
async function meteredAtMost(spec: RunSpec, model: ModelSource): Promise<MeteredStep> {
  return meterStep(model.config, await stepOptions(spec, { model }), fullBatch(model.config, spec.data.batchSize));
}

const shown = (part: RunSpec["model"]["train"]["image"]): string => (typeof part === "string" ? part : JSON.stringify(part));
