import type { Statistic } from "../merging/operator.ts";
import { MergeError, type MergeOperator, operators } from "../merging/operator.ts";
import { type TowerName, towerNames } from "../merging/placement.ts";
import type { MergeSettings } from "../merging/planned-merge.ts";
import { resolveMerge, type TowerChoice, type WeightChoice } from "../merging/settings.ts";
import type { Recency } from "../merging/shares.ts";
import type { ComponentSpec } from "../util/component.ts";
import type { RunFacts } from "./method.ts";

/** Where weights of a task come from, by the experts so far. */
export type Source = "zs" | "latest" | "unrolled" | "all" | "anchored";

/** How a tower's experts are merged. */
export interface TowerRule {
  readonly operator: string | ComponentSpec;
  /** Share of the old weights where two are merged. */
  readonly weight?: number | undefined;
  readonly modifier?: string | ComponentSpec | undefined;
}

/** How experts are merged over time: of both towers, but for what `towers` says of one. */
export interface TemporalRule extends TowerRule {
  readonly start: Source;
  readonly deploy: Exclude<Source, "zs">;
  readonly base: "theta0" | "first";
  readonly recency: Recency;
  readonly reverse: boolean;
  readonly includeBase: boolean;
  readonly towers?: Readonly<Partial<Record<TowerName, Partial<TowerRule>>>> | undefined;
  readonly guard?: "warn" | "stop" | undefined;
  /** Samples of each task whose statistics go into the merge, for the operators that need them. */
  readonly maxSamples?: number | undefined;
}

export const uses = ({ start, deploy }: TemporalRule, source: Source): boolean => start === source || deploy === source;
const isPairwise = (rule: TemporalRule): boolean => uses(rule, "unrolled") || uses(rule, "anchored");

/** A tower's rule, with what is not said of it alone. */
export const towerRule = (rule: TemporalRule, tower: TowerName): TowerRule => {
  const { operator, weight, modifier } = rule;
  const own = rule.towers?.[tower];
  return { operator: own?.operator ?? operator, weight: own?.weight ?? weight, modifier: own?.modifier ?? modifier };
};

const specOf = (part: string | ComponentSpec): ComponentSpec => (typeof part === "string" ? { name: part } : part);
/** `ties with lines`, or what differs between the towers. */
export function operatorName(rule: TemporalRule): string {
  const [image = "", text = ""] = towerNames.map((tower) => {
    const { operator, modifier } = towerRule(rule, tower);
    return `${specOf(operator).name}${modifier === undefined ? "" : ` with ${specOf(modifier).name}`}`;
  });
  return image === text ? image : `${image} (image), ${text} (text)`;
}

/** The operators of both towers. */
export type TowerOperators = Readonly<Record<TowerName, MergeOperator>>;

export async function operatorsOf(rule: TemporalRule): Promise<TowerOperators> {
  const load = (tower: TowerName) => operators.load(specOf(towerRule(rule, tower).operator).name);
  return { image: await load("image"), text: await load("text") };
}

/** How often the operators read each model, the merge itself included; the more thorough one's where towers differ. */
export async function looksOf(rule: TemporalRule): Promise<number> {
  const weights = { image: undefined, text: undefined };
  const { towers } = await mergeSettings(rule, { seed: 0, clampsLogitScale: true }, { count: 2, weights });
  return Math.max(...Object.values(towers).map(({ operator, options }) => operator.passes(options)));
}

/** What an expert's merge needs beside its weights. */
export const neededOf = ({ image, text }: TowerOperators): Statistic | undefined => image.needs ?? text.needs;

/** Whether a merge of all experts is a mean that may be kept running. */
export const isRunning = (rule: TemporalRule, of: TowerOperators): boolean =>
  !rule.reverse && towerNames.every((tower) => of[tower].isMean === true && towerRule(rule, tower).modifier === undefined);

/** Shares of new and old in each tower, where its operator takes them. */
export function pairShares(rule: TemporalRule, of: TowerOperators): Readonly<Record<TowerName, WeightChoice | undefined>> {
  const sharesOf = (tower: TowerName): WeightChoice | undefined => {
    const { operator, weight } = towerRule(rule, tower);
    if (of[tower].weights !== "shares") return undefined;
    if (weight === undefined)
      throw new MergeError(
        `${specOf(operator).name} merges new and old by their shares, and none is given`,
        "say how much the old weights count, as weight: 0.9",
      );
    return { each: [1 - weight, weight] };
  };
  return { image: sharesOf("image"), text: sharesOf("text") };
}

/** The parts of one merge of so many models. @throws {MergeError} */
export function mergeSettings(
  rule: TemporalRule,
  run: Pick<RunFacts, "seed" | "clampsLogitScale">,
  of: { readonly count: number; readonly weights: Readonly<Record<TowerName, WeightChoice | undefined>>; readonly task?: number },
): Promise<MergeSettings> {
  const choice = (tower: TowerName): TowerChoice => {
    const { operator, modifier } = towerRule(rule, tower);
    const weights = of.weights[tower];
    return {
      operator: specOf(operator),
      ...(weights ? { weights } : {}),
      ...(modifier === undefined ? {} : { modifier: specOf(modifier) }),
    };
  };
  return resolveMerge({
    towers: { image: choice("image"), text: choice("text") },
    count: of.count,
    hasBase: true,
    seed: run.seed,
    task: of.task ?? 0,
    clampsLogitScale: run.clampsLogitScale,
  });
}

/** By age, both towers alike. */
export const ageShares = ({ recency, reverse }: TemporalRule): Readonly<Record<TowerName, WeightChoice>> => {
  const shares = { recency, reverse };
  return { image: shares, text: shares };
};

/** Refuses what cannot be merged in some task of the run. @throws {MergeError} */
export async function checkRule(rule: TemporalRule, run: RunFacts): Promise<void> {
  const of = await operatorsOf(rule);
  for (const tower of towerNames) checkOperator(rule, specOf(towerRule(rule, tower).operator).name, of[tower]);
  checkStatistics(rule, of);
  if (isPairwise(rule)) await mergeSettings(rule, run, { count: 2, weights: pairShares(rule, of) });
  const most = run.tasks + (rule.includeBase ? 1 : 0);
  if (!uses(rule, "all") || most < 2) return;
  for (const count of new Set([2, most])) await mergeSettings(rule, run, { count, weights: ageShares(rule) });
}

function checkOperator(rule: TemporalRule, name: string, operator: MergeOperator): void {
  if (operator.isSequential && isPairwise(rule))
    throw new MergeError(
      `${name} adds experts one after another itself: a chain of its merges is another merge`,
      "deploy: all, with start: zs, latest or all",
    );
  // A difference from the first weights: theirs is none.
  const isExpertToo =
    uses(rule, "anchored") || (uses(rule, "unrolled") && rule.base === "theta0") || (uses(rule, "all") && rule.includeBase);
  if (operator.usesBase && operator.models[0] > 1 && isExpertToo)
    throw new MergeError(
      `${name} would count the first weights as an expert, and never leave them`,
      "set base: first, leave include_base away, or take another operator",
    );
}

/** Statistics are an expert's: there are none of a merge, nor of the first weights. */
function checkStatistics(rule: TemporalRule, of: TowerOperators): void {
  const name = operatorName(rule);
  const needs = neededOf(of);
  const has = rule.maxSamples !== undefined;
  if (needs === undefined && has) throw new MergeError(`${name} takes no statistics of experts`, "leave max_samples away");
  if (needs === undefined) return;
  if (of.image.needs && of.text.needs && of.image.needs !== of.text.needs)
    throw new MergeError(
      `${name} need statistics of two kinds: ${of.image.needs}, ${of.text.needs}`,
      "take one of the two for both towers",
    );
  if (!has) throw new MergeError(`${name} needs statistics (${needs}) of every expert`, "say of how many samples a task: max_samples: 512");
  if (isPairwise(rule) || rule.includeBase)
    throw new MergeError(
      `${name} needs statistics (${needs}) of all that it merges, and there are none of merges and of the first weights`,
      "deploy: all, start: zs, latest or all, without include_base",
    );
}
