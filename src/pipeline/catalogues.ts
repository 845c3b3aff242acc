import { methods } from "../continual/method.ts";
import { augments } from "../data/augment.ts";
import { sources } from "../data/source.ts";
import { evaluators } from "../evaluation/evaluator.ts";
import { modifiers, operators } from "../merging/operator.ts";
import { buffers } from "../mixtures/buffer.ts";
import { objectives } from "../nn/objective.ts";
import { optimizers } from "../nn/optimizer.ts";
import { schedules } from "../schedules/schedule.ts";
import { orderings } from "../streams/stream.ts";
import type { Catalog, Component } from "../util/component.ts";

/** Every catalogue of parts, by the word that people ask for one with. */
export const catalogues = {
  method: methods,
  operator: operators,
  modifier: modifiers,
  ordering: orderings,
  buffer: buffers,
  schedule: schedules,
  optimizer: optimizers,
  objective: objectives,
  source: sources,
  augment: augments,
  evaluator: evaluators,
} as const satisfies Readonly<Record<string, Catalog<Component>>>;
export type CatalogueName = keyof typeof catalogues;
