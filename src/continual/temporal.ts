import { clone } from "../engine/ops.ts";
import { keep, release, scope, tensorsIn } from "../engine/scope.ts";
import type { StateTree, Weights } from "../engine/tensor.ts";
import { type GrowthWarning, growthWarning, lossWarning, type TowerGrowth } from "../merging/guard.ts";
import { mergeWeights } from "../merging/merge-weights.ts";
import type { TowerName } from "../merging/placement.ts";
import type { WeightChoice } from "../merging/settings.ts";
import { runningShare } from "../merging/shares.ts";
import type { TowerMeasures } from "../runs/lineage.ts";
import { EvergreenError } from "../util/errors.ts";
import { expertStatistic } from "./expert-statistics.ts";
import { towerCosines } from "./merge-measures.ts";
import type { Held, TaskContext } from "./method.ts";
import {
  ageShares,
  checkRule,
  isRunning,
  looksOf,
  mergeSettings,
  neededOf,
  operatorsOf,
  pairShares,
  type Source,
  type TemporalRule,
  type TowerOperators,
  uses,
} from "./temporal-rule.ts";

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
  /** How far each merge led, by `source/tower`: see {@link growthWarning}. */
  readonly growth: { readonly [tower: string]: readonly number[] };
  /** Of the experts in the chain, by tower: the sum of their distances from the first weights, and their number. */
  readonly moved: { readonly [tower: string]: readonly number[] };
} & { readonly [key: string]: StateTree };

interface Border {
  readonly expert: Weights;
  readonly task: TaskContext;
  readonly chain: Chain;
}

/** What a rule holds in a run of so many tasks: the chain of merges and, of all experts, a running mean, or else a file of each with its statistics. */
export async function holdings(rule: TemporalRule, tasks: number): Promise<Held> {
  const of = await operatorsOf(rule);
  const chain = Number(uses(rule, "unrolled"));
  if (!uses(rule, "all")) return { models: chain };
  if (isRunning(rule, of)) return { models: chain + 1 };
  return { models: chain, experts: tasks, statistics: neededOf(of) !== undefined && rule.maxSamples !== undefined ? tasks : 0 };
}

/** Passes over a model's entries that a rule's merges after a task take: what goes in and the first weights, from which distances are measured, as often as the operators look, and the result; a file where experts are kept. */
export async function passesOf(rule: TemporalRule, task: number): Promise<number> {
  const of = await operatorsOf(rule);
  const looks = await looksOf(rule);
  const merged = (models: number): number => (models < 2 ? 0 : looks * (models + 1) + 1);
  const chained = uses(rule, "unrolled") && (task > 0 || rule.base === "theta0") ? merged(2) + (task > 0 ? measuredByCosine : 0) : 0;
  const anchored = uses(rule, "anchored") ? merged(2) : 0;
  const experts = task + 1 + Number(rule.includeBase);
  const all = isRunning(rule, of) ? merged(Math.min(2, experts)) : 1 + merged(experts);
  return chained + anchored + (uses(rule, "all") ? all : 0);
}

/** The expert, the merge before and the first weights. */
const measuredByCosine = 3;

/** The state before the first expert; refuses what cannot be merged in some task, before anything is trained. @throws {MergeError} */
export async function unmerged(rule: TemporalRule, { run }: TaskContext): Promise<Chain> {
  await checkRule(rule, run);
  return { count: 0, unrolled: null, mean: null, statistic: null, growth: {}, moved: {} };
}

/** What the operators need of the task that has ended. */
export async function measured(rule: TemporalRule, task: TaskContext, chain: Chain): Promise<Chain> {
  const needs = neededOf(await operatorsOf(rule));
  if (needs === undefined || rule.maxSamples === undefined) return chain;
  return { ...chain, statistic: await expertStatistic(needs, task, rule.maxSamples) };
}

/** What a rule's merges after a task gave. */
export interface Deployed {
  readonly state: Chain;
  merged(source: Source): Weights;
  /** How far each merge led, by what it is called in the rule. */
  readonly measures: ReadonlyMap<Source, TowerMeasures>;
}

/** All merges that the rule asks for after a task: each is made once. */
export async function deployed(rule: TemporalRule, border: Border): Promise<Deployed> {
  const { expert, task, chain } = border;
  const of = await operatorsOf(rule);
  const made = new Map<Source, Weights>([["latest", expert]]);
  const growth: Record<string, readonly number[]> = { ...chain.growth };
  const measures = new Map<Source, TowerMeasures>();
  // Copies of what is the expert's: what is gone on from under another rule than `latest` is no task's own weights.
  const note = (source: Source, found: Merged): void => {
    made.set(source, own(found.weights, expert));
    for (const { tower, growth: now } of found.growth) {
      const key = `${source}/${tower}`;
      if (now !== undefined) growth[key] = [...(growth[key] ?? []), now].slice(-4);
    }
    if (found.growth.length > 0) measures.set(source, measuresOf(found));
  };
  let { mean, moved } = chain;
  if (uses(rule, "unrolled")) {
    const found = againstExperts(await unroll(rule, of, border), moved);
    note("unrolled", found);
    moved = found.moved;
  }
  if (uses(rule, "anchored")) note("anchored", await pair(rule, of, { task, models: [expert, await task.origin()] }));
  if (uses(rule, "all")) {
    note("all", await mergeAll(rule, of, border));
    mean = isRunning(rule, of) ? (made.get("all") as Weights) : null;
  }
  warn(rule, task, growth);
  await probe(
    rule,
    border,
    [...measures.keys()].map((source) => ({ source, merged: made.get(source) as Weights })),
  );
  const unrolled = made.get("unrolled") ?? null;
  return {
    state: { count: chain.count + 1, unrolled, mean, statistic: null, growth, moved },
    measures,
    merged: (source) => {
      const found = made.get(source);
      if (!found) throw new Error(`internal: temporal merging made no ${source}`);
      return found;
    },
  };
}

const measuresOf = ({ growth, cosine }: Merged): TowerMeasures =>
  Object.fromEntries(
    growth.map(({ tower, merged, growth: ratio }) => {
      const angle = cosine?.[tower as TowerName];
      return [
        tower,
        { distance: merged, ...(ratio === undefined ? {} : { growth: ratio }), ...(angle === undefined ? {} : { cosine: angle }) },
      ];
    }),
  );

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
  /** Between the expert and the merge before, where it was merged with one. */
  readonly cosine?: ReturnType<typeof towerCosines>;
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

/** r_t of [θ_t, r_{t−1}]. */
async function unroll(rule: TemporalRule, of: TowerOperators, { expert, task, chain }: Border): Promise<Merged> {
  const { unrolled: old } = chain;
  if (old) {
    const cosine = towerCosines({ config: task.model.config, origin: await task.origin(), fresh: expert, old });
    return { ...(await pair(rule, of, { task, models: [expert, old] })), cosine };
  }
  return rule.base === "first" ? { weights: expert, ...nothingGrew } : pair(rule, of, { task, models: [expert, await task.origin()] });
}

interface Pair {
  readonly task: TaskContext;
  readonly models: readonly [fresh: Weights, old: Weights];
}

/** New and old by their shares; operators that take factors or nothing merge both alike. */
const pair = (rule: TemporalRule, of: TowerOperators, { task, models }: Pair): Promise<Merged> =>
  merge(rule, task, { models, weights: pairShares(rule, of) });

/** Every expert in one merge; the first one alone is itself. A plain mean is kept running, everything else needs the experts' files. */
async function mergeAll(rule: TemporalRule, of: TowerOperators, { expert, task, chain }: Border): Promise<Merged> {
  if (isRunning(rule, of)) {
    const n = chain.count + 1 + (rule.includeBase ? 1 : 0);
    const before = chain.mean ?? (rule.includeBase ? await task.origin() : undefined);
    return before ? running(rule, task, { fresh: expert, before, n }) : { weights: expert, ...nothingGrew };
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
    const statistics = chain.statistic ? { statistics: [...earlierStatistics, chain.statistic] } : {};
    return await merge(rule, task, { models, weights: ageShares(rule), ...statistics });
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
  const weights = { each: [share, 1 - share] };
  return merge(rule, task, { models: [fresh, before], weights: { image: weights, text: weights } });
}

const statisticName = (i: number): string => `${expertName(i)}-statistics`;
const expertName = (i: number): string => `expert-${String(i + 1).padStart(4, "0")}`;

interface ToMerge {
  readonly models: readonly Weights[];
  readonly weights: Readonly<Record<TowerName, WeightChoice | undefined>>;
  readonly statistics?: readonly Weights[];
}

async function merge(rule: TemporalRule, task: TaskContext, { models, weights, statistics }: ToMerge): Promise<Merged> {
  const found = await mergeSettings(rule, task.run, { count: models.length, weights, task: task.task });
  const base = await task.origin();
  const merged = scope(() => mergeWeights({ config: task.model.config, base, models, ...(statistics ? { statistics } : {}) }, found));
  for (const note of merged.notes) task.warn("EG-7153", `task ${task.task + 1}, ${note}`);
  return merged;
}

function warn(rule: TemporalRule, task: TaskContext, growth: Chain["growth"]): void {
  for (const [place, history] of Object.entries(growth)) {
    const [source, tower] = place.split("/");
    tell(rule, task, { place: `${source}, ${tower} tower`, said: growthWarning(history) });
  }
}

/** Merges against the expert and what it was merged with, by their losses on samples of earlier tasks and of pretraining. */
async function probe(
  rule: TemporalRule,
  { expert, task, chain }: Border,
  merges: readonly { readonly source: Source; readonly merged: Weights }[],
): Promise<void> {
  if (merges.length === 0) return;
  const losses = await task.probe([expert, ...merges.map(({ merged }) => merged)]);
  if (!losses) return;
  const origin = await task.origin();
  const oldOf: Readonly<Partial<Record<Source, Weights>>> = { unrolled: chain.unrolled ?? origin, all: chain.mean ?? origin };
  const [fresh = Number.NaN, ...others] = losses;
  for (const [i, { source }] of merges.entries()) {
    const found = { merged: others[i] ?? Number.NaN, fresh };
    // What is no worse than the new weights needs no look at the old.
    if (!lossWarning({ ...found, old: 0 })) continue;
    const [old = Number.NaN] = (await task.probe([oldOf[source] ?? origin])) ?? [];
    tell(rule, task, { place: source, said: lossWarning({ ...found, old }) });
  }
}

function tell(
  { guard }: TemporalRule,
  task: TaskContext,
  { place, said }: { readonly place: string; readonly said: GrowthWarning | undefined },
): void {
  if (said === undefined) return;
  const message = `task ${task.task + 1}, ${place}: ${said.message}`;
  const fix = "lower the operator's lambda, or take another operator";
  const isEnd = { "unless warn": guard !== "warn", "where stop": guard === "stop", never: false }[said.ends];
  if (isEnd) throw new EvergreenError(`merge: ${message}`, { code: "EG-7151", exit: "numerics", fix });
  task.warn("EG-7151", `${message}; ${fix}`);
}

/** The weights as a state may hold them: copies of those that are the expert's. */
function own(weights: Weights, expert: Weights): Weights {
  const borrowed = tensorsIn(expert);
  return new Map([...weights].map(([name, value]) => [name, borrowed.has(value) ? scope(() => keep(clone(value))) : value]));
}
