import { writeFileSync } from "node:fs";
import type { Evaluation } from "../evaluation/evaluator.ts";
import type { ComputeWeights } from "../models/clip.ts";
import type { ImagePreprocess } from "../models/preprocess.ts";
import { packItems, unpackItems } from "../runs/items.ts";
import type { Measurement } from "../runs/measurement.ts";
import { type ObjectStore, objectText, type StoredObject } from "../runs/objects.ts";
import { codeOf, type PlanContent } from "../runs/plan.ts";
import { digestOf } from "../training/sharing.ts";
import { hashOf } from "../util/hash.ts";
import type { EvaluatedSet } from "./evaluate.ts";

/** What each set's evaluator found, by the set's name. */
type Found = ReadonlyMap<string, Evaluation>;

/** Evaluations that runs share, by the weights and everything else that decides them. */
export interface SharedEvaluations {
  /** Undefined for weights that an adapter's code stands beside: that is not told by tensors alone. */
  of(model: ComputeWeights, sets: readonly EvaluatedSet[]): SharedEvaluation | undefined;
}

export interface SharedEvaluation {
  readonly object: string;
  readonly found?: Found;
  /** Why what was there is not it. */
  readonly refused?: string;
  /** Says why where it could not. */
  keep(found: Found): string | undefined;
}

interface StoredEvaluation extends Omit<Evaluation, "outcomes"> {
  readonly measurements: readonly Measurement[];
  readonly outcomes: readonly { readonly metric: string; readonly bits: string }[];
}

const file = "evaluations.json";

/** How images and texts reach the model. */
export interface EvaluationWays {
  readonly preprocess: ImagePreprocess;
  readonly batchSize: number;
  /** CLIP's ids of the rows of the token table, where it is a part of CLIP's. */
  readonly tokenIds?: readonly number[];
}

export function sharedEvaluations(
  store: ObjectStore,
  plan: Pick<PlanContent, "code" | "plugins" | "engine">,
  ways: EvaluationWays,
): SharedEvaluations {
  return {
    of(model, sets) {
      if (model.sites && model.sites.size > 0) return undefined;
      const { weights, buffers, precision, config } = model;
      const measured = sets.map(({ source, name, options }) => [source.name, source.fingerprint, name, options ?? null]);
      const { tokenIds = null, ...rest } = ways;
      const facts = { code: codeOf(plan), engine: plan.engine, config, precision, ...rest, tokenIds, measured };
      const object = hashOf({ kind: "evaluation/1", weights: digestOf({ weights, buffers, adapters: null, states: [] }), facts });
      const stored = store.find(object);
      return {
        object,
        ...(stored === undefined ? {} : "refused" in stored ? stored : { found: evaluationsOf(stored) }),
        keep(found) {
          try {
            store.put(object, (path) => writeFileSync(path(file), JSON.stringify(textOf(found))));
            return undefined;
          } catch (error) {
            return error instanceof Error ? error.message : String(error);
          }
        },
      };
    },
  };
}

const textOf = (found: Found): Readonly<Record<string, StoredEvaluation>> =>
  Object.fromEntries(
    [...found].map(([set, { outcomes, ...rest }]) => [
      set,
      { ...rest, outcomes: outcomes.map(({ metric, flags }) => ({ metric, bits: Buffer.from(packItems(flags)).toString("base64") })) },
    ]),
  );

function evaluationsOf(stored: StoredObject): Found {
  const sets = JSON.parse(objectText(stored, file)) as Readonly<Record<string, StoredEvaluation>>;
  return new Map(
    Object.entries(sets).map(([set, { outcomes, ...rest }]) => [
      set,
      { ...rest, outcomes: outcomes.map(({ metric, bits }) => ({ metric, flags: unpackItems(Buffer.from(bits, "base64"), file) })) },
    ]),
  );
}
