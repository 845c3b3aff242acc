import { z } from "zod";
import type { ComponentSpec } from "../util/component.ts";
import { issueText } from "../util/issues.ts";
import { createRandom } from "../util/random.ts";
import { inOurWords } from "./mergekit-words.ts";
import { MergeError, type MergeOperator, modifiers, operators } from "./operator.ts";
import { type TowerName, towerNames } from "./placement.ts";
import { type MergeSettings, usualBlock } from "./planned-merge.ts";
import type { TowerSettings } from "./planned-tower.ts";
import { checkShares, type Recency, recencyFactors, recencyShares } from "./shares.ts";
import { type ModelWeight, weightFor } from "./weight-filters.ts";

/** Weights of all models: by age (factors of task vectors are then relative to an equal share), or one a model. */
export type WeightChoice =
  | { readonly recency: Recency; readonly reverse?: boolean }
  | { readonly each: readonly ModelWeight[]; readonly normalize?: boolean };

/** How one tower is to be merged, by names. */
export interface TowerChoice {
  /** The operator and its options. */
  readonly operator: ComponentSpec;
  readonly weights?: WeightChoice;
  /** A modifier of the task vector and its options. */
  readonly modifier?: ComponentSpec;
}

export interface MergeChoice {
  readonly towers: Readonly<Record<TowerName, TowerChoice>>;
  /** Number of models, the base among them where it takes part as one. */
  readonly count: number;
  readonly hasBase: boolean;
  readonly seed?: number;
  readonly task?: number;
  readonly block?: number;
  readonly clampsLogitScale?: boolean;
}

/**
 * Finds the parts and checks that they fit the models, before anything is read.
 * @throws {MergeError} for options, weights or numbers of models that an operator cannot take; {UnknownComponentError} for a name.
 */
export async function resolveMerge(choice: MergeChoice): Promise<MergeSettings> {
  const towers = await Promise.all(towerNames.map(async (name) => [name, await resolveTower(choice.towers[name], choice)] as const));
  return {
    towers: Object.fromEntries(towers) as Record<TowerName, TowerSettings>,
    frame: {
      random: createRandom(choice.seed ?? 0),
      task: choice.task ?? 0,
      block: choice.block ?? usualBlock,
      clampsLogitScale: choice.clampsLogitScale ?? true,
    },
  };
}

async function resolveTower(choice: TowerChoice, { count, hasBase }: MergeChoice): Promise<TowerSettings> {
  const { name, ...given } = choice.operator;
  const operator = await operators.load(name);
  const modifier = choice.modifier && (await resolveModifier(choice.modifier));
  checkCount(name, operator, count);
  if (!hasBase && (operator.usesBase || modifier))
    throw new MergeError(
      `${operator.usesBase ? name : choice.modifier?.name} needs the base that the models were trained from`,
      "name it: --base MODEL, or base_model in a merge file",
    );
  const asked = inOurWords(name, operator, given);
  const options = parseOptions(name, operator, modifier?.replaces && hasLambda(operator) ? { ...asked, lambda: 1 } : asked);
  return {
    operator,
    options,
    ...(modifier ? { modifier: { part: modifier.part, options: modifier.options } } : {}),
    weightsOf: weightsFor(name, operator, { choice: choice.weights, count, isMean: operator.isSum === true && given.normalize === true }),
  };
}

function checkCount(name: string, { models: [fewest, most] }: MergeOperator, count: number): void {
  if (count >= fewest && count <= most) return;
  const expected = fewest === most ? `${fewest}` : most === Number.POSITIVE_INFINITY ? `at least ${fewest}` : `${fewest} to ${most}`;
  throw new MergeError(`${name} takes ${expected} models, got ${count}`, "name as many models, or another operator");
}

function parseOptions(name: string, part: { readonly options: MergeOperator["options"] }, given: object): unknown {
  const parsed = part.options.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new MergeError(`${name}: ${issueText(parsed.error, "parameters")}`, `see its options: evergreen merge ls ${name}`);
}

const hasLambda = ({ options }: MergeOperator): boolean => options instanceof z.ZodObject && Object.hasOwn(options.shape, "lambda");

async function resolveModifier({ name, ...given }: ComponentSpec) {
  const part = await modifiers.load(name);
  const options = parseOptions(name, part, given);
  return { part, options, replaces: part.replacesLambda?.(options) === true };
}

/** What is told of models' weights. */
interface Weighing {
  readonly choice: WeightChoice | undefined;
  readonly count: number;
  /** As mergekit has it: the sum of weighted task vectors over the sum of their weights. */
  readonly isMean: boolean;
}

function weightsFor(name: string, { weights: kind }: MergeOperator, { choice, count, isMean }: Weighing): TowerSettings["weightsOf"] {
  if (choice === undefined) return isMean ? () => overSum(Array<number>(count).fill(1)) : () => undefined;
  // Equal ones are what an operator without weights gives.
  if (kind === "none" && "recency" in choice && choice.recency === "uniform") return () => undefined;
  if (kind === "none") throw new MergeError(`${name} takes no weights`, "leave them away");
  if ("recency" in choice) {
    const weights = (kind === "factors" && !isMean ? recencyFactors : recencyShares)(choice.recency, count, choice.reverse);
    return () => weights;
  }
  if (choice.each.length !== count)
    throw new MergeError(`${choice.each.length} weights for ${count} models`, "give every model a weight, or none");
  const of = (tensor: string): readonly number[] => {
    const numbers = choice.each.map((weight, i) => weightFor(weight, tensor, i + 1));
    if (kind === "factors") return isMean ? overSum(numbers) : numbers;
    const total = numbers.reduce((sum, weight) => sum + weight, 0);
    const shares = choice.normalize ? numbers.map((weight) => weight / total) : numbers;
    checkShares(shares);
    return shares;
  };
  if (choice.each.every((weight) => typeof weight === "number")) of("");
  return of;
}

/** Weights over their sum; as they are where they cancel, as in mergekit. */
function overSum(weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Math.abs(total) < 1e-8 ? weights : weights.map((weight) => weight / total);
}
