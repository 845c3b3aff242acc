import { z } from "zod";
import type { ComponentSpec } from "../util/component.ts";
import { globPattern } from "../util/glob.ts";
import { issueText } from "../util/issues.ts";
import { createRandom } from "../util/random.ts";
import { MergeError, type MergekitParameters, type MergeOperator, modifiers, operators } from "./operator.ts";
import { type TowerName, towerNames } from "./placement.ts";
import { type MergeSettings, usualBlock } from "./planned-merge.ts";
import type { TowerSettings } from "./planned-tower.ts";
import { checkShares, type Recency, recencyFactors, recencyShares } from "./shares.ts";

/** A model's weight: one number, or numbers by tensor, of which the first whose filter fits counts. `*` stands for any run of characters. */
export type ModelWeight = number | readonly { readonly filter?: string; readonly value: number }[];

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
  const asked = inOurWords(operator, given);
  const options = parseOptions(name, operator, modifier?.replaces && hasLambda(operator) ? { ...asked, lambda: 1 } : asked);
  return {
    operator,
    options,
    ...(modifier ? { modifier: { part: modifier.part, options: modifier.options } } : {}),
    weightsOf: weightsFor(name, operator, { choice: choice.weights, count }),
  };
}

/** An operator's own options for mergekit's; a share that it does not know of stays, to be refused. */
function inOurWords({ mergekit }: MergeOperator, given: Readonly<Record<string, unknown>>): object {
  const { density, gamma, normalize, ...own } = given;
  const asked: MergekitParameters = {
    ...(typeof density === "number" ? { density } : {}),
    ...(typeof gamma === "number" ? { gamma } : {}),
    ...(typeof normalize === "boolean" ? { normalize } : {}),
  };
  if (mergekit) return { ...own, ...mergekit(asked) };
  // To weights that are shares it was said already.
  const { normalize: _, ...left } = given;
  return left;
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

function weightsFor(
  name: string,
  { weights: kind }: MergeOperator,
  { choice, count }: { readonly choice: WeightChoice | undefined; readonly count: number },
): TowerSettings["weightsOf"] {
  if (choice === undefined) return () => undefined;
  // Equal ones are what an operator without weights gives.
  if (kind === "none" && "recency" in choice && choice.recency === "uniform") return () => undefined;
  if (kind === "none") throw new MergeError(`${name} takes no weights`, "leave them away");
  if ("recency" in choice) {
    const weights = (kind === "factors" ? recencyFactors : recencyShares)(choice.recency, count, choice.reverse);
    return () => weights;
  }
  if (choice.each.length !== count)
    throw new MergeError(`${choice.each.length} weights for ${count} models`, "give every model a weight, or none");
  const rules = choice.each.map(rulesOf);
  const of = (tensor: string): readonly number[] => {
    const found = rules.map((list) => list.find(({ pattern }) => pattern.test(tensor))?.value ?? (kind === "factors" ? 1 : undefined));
    const missing = found.indexOf(undefined);
    if (missing >= 0)
      throw new MergeError(`model ${missing + 1} has no weight for "${tensor}"`, "end its list with a value that has no filter");
    const numbers = found as readonly number[];
    if (kind === "factors") return numbers;
    const total = numbers.reduce((sum, weight) => sum + weight, 0);
    const shares = choice.normalize ? numbers.map((weight) => weight / total) : numbers;
    checkShares(shares);
    return shares;
  };
  if (choice.each.every((weight) => typeof weight === "number")) of("");
  return of;
}

function rulesOf(weight: ModelWeight): readonly { readonly pattern: RegExp; readonly value: number }[] {
  const list: Exclude<ModelWeight, number> = typeof weight === "number" ? [{ value: weight }] : weight;
  return list.map(({ filter, value }) => ({ pattern: globPattern(filter ?? "*"), value }));
}
