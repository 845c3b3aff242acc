import { clone } from "../engine/ops.ts";
import { keep, release, scope, tensorsIn } from "../engine/scope.ts";
import type { StateTree, Weights } from "../engine/tensor.ts";
import { growthWarning, type TowerGrowth } from "../merging/guard.ts";
import { mergeWeights } from "../merging/merge-weights.ts";
import { MergeError, type MergeOperator, operators } from "../merging/operator.ts";
import { resolveMerge, type TowerChoice, type WeightChoice } from "../merging/settings.ts";
import { type Recency, runningShare } from "../merging/shares.ts";
import type { ComponentSpec } from "../util/component.ts";
import { EvergreenError } from "../util/errors.ts";
import { expertStatistic } from "./expert-statistics.ts";
import type { TaskContext } from "./method.ts";

/** Where weights of a task come from, by the experts so far. */
export type Source = "zs" | "latest" | "unrolled" | "all" | "anchored";

/** How experts are merged over time. */
export interface TemporalRule {
  readonly start: Source;
  readonly deploy: Exclude<Source, "zs">;
  readonly operator: string | ComponentSpec;
  /** Share of the old weights where two are merged. */
  readonly weight: number;
  readonly base: "theta0" | "first";
  readonly recency: Recency;
  readonly reverse: boolean;
  readonly includeBase: boolean;
  readonly modifier?: string | ComponentSpec;
  readonly guard: "warn" | "stop";
  /** Samples of each task whose statistics go into the merge, for the operators that need them. */
  readonly maxSamples?: number;
}

/** What is remembered of the merges so far. */
export type Chain = {
  /** Experts that went in. */
  readonly count: number;
  /** The chain r_t; null before the first expert, and where no rule asks for it. */
  readonly unrolled: Weights | null;
  /** A running mean of all experts, where the operator needs no more. */
  readonly mean: Weights | null;
  /** What the operator needs of the expert beside its weights, from its task's end until it is merged. */
  readonly statistic: Weights | null;
  /** How far each merge led, by tower: see {@link growthWarning}. */
  readonly growth: { readonly [tower: string]: readonly number[] };
  /** Of the experts in the chain, by tower: the sum of their distances from the first weights, and their number. */
  readonly moved: { readonly [tower: string]: readonly number[] };
} & { readonly [key: string]: StateTree };

interface Border {
  readonly expert: Weights;
  readonly task: TaskContext;
  readonly chain: Chain;
}

/** Models that a {@link Chain} holds at most: the chain of merges, and a running mean where the operator may be one. */
export const modelsKept = (rule: TemporalRule): number =>
  Number(uses(rule, "unrolled")) + Number(uses(rule, "all") && rule.modifier === undefined && !rule.reverse);

/** The state before the first expert; refuses what cannot be merged, before anything is trained. @throws {MergeError} */
export async function unmerged(rule: TemporalRule, task: TaskContext): Promise<Chain> {
  const operator = await operators.load(specOf(rule.operator).name);
  checkStatistics(rule, operator);
  const isPairwise = uses(rule, "unrolled") || uses(rule, "anchored");
  if (isPairwise) await settings(rule, task, { count: 2, weights: pairWeights(rule, operator) });
  // A difference from the first weights: theirs is none.
  if (operator.usesBase && operator.models[0] > 1 && (uses(rule, "anchored") || (uses(rule, "unrolled") && rule.base === "theta0")))
    throw new MergeError(
      `${specOf(rule.operator).name} would count the first weights as an expert, and never leave them`,
      "set base: first, or another operator",
    );
  return { count: 0, unrolled: null, mean: null, statistic: null, growth: {}, moved: {} };
}

/** Statistics are an expert's: there are none of a merge, nor of the first weights. @throws {MergeError} */
function checkStatistics(rule: TemporalRule, { needs }: MergeOperator): void {
  const { name } = specOf(rule.operator);
  const has = rule.maxSamples !== undefined;
  if (needs === undefined && has) throw new MergeError(`${name} takes no statistics of experts`, "leave max_samples away");
  if (needs === undefined) return;
  if (!has) throw new MergeError(`${name} needs statistics (${needs}) of every expert`, "say of how many samples a task: max_samples: 512");
  if (uses(rule, "unrolled") || uses(rule, "anchored") || rule.includeBase)
    throw new MergeError(
      `${name} needs statistics (${needs}) of all that it merges, and there are none of merges and of the first weights`,
      "deploy: all, start: zs, latest or all, without include_base",
    );
}

/** What the operator needs of the task that has ended. */
export async function measured(rule: TemporalRule, task: TaskContext, chain: Chain): Promise<Chain> {
  const { needs } = await operators.load(specOf(rule.operator).name);
  if (needs === undefined || rule.maxSamples === undefined) return chain;
  return { ...chain, statistic: await expertStatistic(needs, task, rule.maxSamples) };
}

/** All merges that the rule asks for after a task: each is made once. */
export async function deployed(
  rule: TemporalRule,
  border: Border,
): Promise<{ readonly state: Chain; readonly merged: (source: Source) => Weights }> {
  const { expert, task, chain } = border;
  const count = chain.count + 1;
  const made = new Map<Source, Weights>([["latest", expert]]);
  const growth: Record<string, readonly number[]> = { ...chain.growth };
  const note = (found: Merged): Weights => {
    for (const { tower, growth: now } of found.growth) if (now !== undefined) growth[tower] = [...(growth[tower] ?? []), now].slice(-4);
    return found.weights;
  };
  let { mean, moved } = chain;
  if (uses(rule, "unrolled")) {
    const found = againstExperts(await unroll(rule, border), moved);
    made.set("unrolled", note(found));
    moved = found.moved;
  }
  if (uses(rule, "anchored")) made.set("anchored", note(await pair(rule, task, [expert, await task.origin()])));
  if (uses(rule, "all")) {
    const all = await mergeAll(rule, border);
    made.set("all", note(all));
    mean = all.mean ?? null;
  }
  warn(rule, task, growth);
  const unrolled = uses(rule, "unrolled") ? own(made.get("unrolled") as Weights, expert) : null;
  if (unrolled) made.set("unrolled", unrolled);
  return {
    state: { count, unrolled, mean, statistic: null, growth, moved },
    merged: (source) => {
      const found = made.get(source);
      if (!found) throw new Error(`internal: temporal merging made no ${source}`);
      return found;
    },
  };
}

/** Whether the rule's operator merges by shares. */
export const takesShares = async ({ operator }: TemporalRule): Promise<boolean> =>
  (await operators.load(specOf(operator).name)).weights === "shares";

/** What the next task starts from. */
export async function started(
  { start }: TemporalRule,
  { task, merged }: Pick<Border, "expert" | "task"> & { readonly merged: (source: Source) => Weights },
): Promise<Weights> {
  return start === "zs" ? task.origin() : merged(start);
}

interface Merged {
  readonly weights: Weights;
  readonly growth: readonly TowerGrowth[];
}

/** A chain's growth is held against its experts: the merge before is no expert, and grows with it. */
function againstExperts(found: Merged, before: Chain["moved"]): Merged & { readonly moved: Chain["moved"] } {
  const moved = { ...before };
  const growth = found.growth.map((each) => {
    const [sum = 0, count = 0] = moved[each.tower] ?? [];
    const total = sum + (each.models[0] ?? 0);
    moved[each.tower] = [total, count + 1];
    return { ...each, growth: total > 0 ? (each.merged * (count + 1)) / total : undefined };
  });
  return { ...found, growth, moved };
}

const nothingGrew = { growth: [] } as const;
const uses = ({ start, deploy }: TemporalRule, source: Source): boolean => start === source || deploy === source;
const specOf = (part: string | ComponentSpec): ComponentSpec => (typeof part === "string" ? { name: part } : part);

/** r_t of [θ_t, r_{t−1}]. */
async function unroll(rule: TemporalRule, { expert, task, chain }: Border): Promise<Merged> {
  if (chain.unrolled) return pair(rule, task, [expert, chain.unrolled]);
  return rule.base === "first" ? { weights: expert, ...nothingGrew } : pair(rule, task, [expert, await task.origin()]);
}

async function pair(rule: TemporalRule, task: TaskContext, models: readonly [fresh: Weights, old: Weights]): Promise<Merged> {
  const operator = await operators.load(specOf(rule.operator).name);
  return merge(rule, task, { models, weights: pairWeights(rule, operator) });
}

/** New and old by their shares; operators that take factors or nothing merge both alike. */
const pairWeights = ({ weight }: TemporalRule, operator: MergeOperator): WeightChoice | undefined =>
  operator.weights === "shares" ? { each: [1 - weight, weight] } : undefined;

/** Every expert in one merge; the first one alone is itself. A plain mean is kept running, everything else needs the experts' files. */
async function mergeAll(rule: TemporalRule, { expert, task, chain }: Border): Promise<Merged & { readonly mean?: Weights }> {
  const operator = await operators.load(specOf(rule.operator).name);
  const runs = operator.isMean && rule.modifier === undefined && !rule.reverse;
  if (runs) {
    const n = chain.count + 1 + (rule.includeBase ? 1 : 0);
    const before = chain.mean ?? (rule.includeBase ? await task.origin() : undefined);
    const found = before ? await running(rule, task, { fresh: expert, before, n }) : { weights: expert, ...nothingGrew };
    const mean = own(found.weights, expert);
    return { ...found, weights: mean, mean };
  }
  task.experts.put(expertName(chain.count), expert);
  if (chain.statistic) task.experts.put(statisticName(chain.count), chain.statistic);
  const read = (nameOf: (i: number) => string): Promise<readonly Weights[]> =>
    Promise.all(Array.from({ length: chain.count }, (_, i) => task.experts.get(nameOf(i))));
  const earlier = await read(expertName);
  const earlierStatistics = chain.statistic ? await read(statisticName) : [];
  const models = [...(rule.includeBase ? [await task.origin()] : []), ...earlier, expert];
  try {
    if (models.length === 1) return { weights: expert, ...nothingGrew };
    return await merge(rule, task, {
      models,
      weights: operator.weights === "none" ? undefined : { recency: rule.recency, reverse: rule.reverse },
      ...(chain.statistic ? { statistics: [...earlierStatistics, chain.statistic] } : {}),
    });
  } finally {
    release([earlier, earlierStatistics]);
  }
}

function running(
  rule: TemporalRule,
  task: TaskContext,
  { fresh, before, n }: { readonly fresh: Weights; readonly before: Weights; readonly n: number },
): Promise<Merged> {
  const share = runningShare(rule.recency, n);
  return merge(rule, task, { models: [fresh, before], weights: { each: [share, 1 - share] } });
}

const statisticName = (i: number): string => `${expertName(i)}-statistics`;
const expertName = (i: number): string => `expert-${String(i + 1).padStart(4, "0")}`;

interface ToMerge {
  readonly models: readonly Weights[];
  readonly weights: WeightChoice | undefined;
  readonly statistics?: readonly Weights[];
}

async function merge(rule: TemporalRule, task: TaskContext, { models, weights, statistics }: ToMerge): Promise<Merged> {
  const found = await settings(rule, task, { count: models.length, weights });
  const base = await task.origin();
  return scope(() => mergeWeights({ config: task.model.config, base, models, ...(statistics ? { statistics } : {}) }, found));
}

function settings(
  rule: TemporalRule,
  task: TaskContext,
  { count, weights }: { readonly count: number; readonly weights: WeightChoice | undefined },
) {
  const tower: TowerChoice = {
    operator: specOf(rule.operator),
    ...(weights ? { weights } : {}),
    ...(rule.modifier === undefined ? {} : { modifier: specOf(rule.modifier) }),
  };
  return resolveMerge({ towers: { image: tower, text: tower }, count, hasBase: true, seed: task.run.seed, task: task.task });
}

function warn({ guard }: TemporalRule, task: TaskContext, growth: Chain["growth"]): void {
  for (const [tower, history] of Object.entries(growth)) {
    const said = growthWarning(history);
    if (said === undefined) continue;
    const message = `task ${task.task + 1}, ${tower} tower: ${said}`;
    const fix = "lower the operator's lambda, or take another operator";
    if (guard === "stop") throw new EvergreenError(`merge: ${message}`, { code: "EG-7151", exit: "numerics", fix });
    task.warn("EG-7151", `${message}; ${fix}`);
  }
}

/** The weights as a state may hold them: copies of those that are the expert's. */
function own(weights: Weights, expert: Weights): Weights {
  const borrowed = tensorsIn(expert);
  return new Map([...weights].map(([name, value]) => [name, borrowed.has(value) ? scope(() => keep(clone(value))) : value]));
}
