import type { DrawPlace, Random } from "../util/random.ts";
import { balancedOrder, type PoolGroups } from "./balanced-order.ts";
import type { BatchRows, BatchSource } from "./mixture.ts";
import { joinOrder } from "./mixture.ts";
import { remember } from "./remember.ts";

/** A sample at a position, and how often it had been drawn from its source before. */
interface Drawn {
  /** In the source's pool. */
  readonly sample: number;
  readonly pass: number;
}

/** Gives the sample at each position of one source's endless sequence of passes over its pool. */
export type SampleOrder = (position: number) => Drawn;

/** One row of a batch before anything is read. */
export interface RowDraw extends Drawn {
  readonly source: BatchSource;
  /** How many rows this source gave before this one: in this task, for pretraining in the whole run. It addresses crop, flip and caption. */
  readonly position: number;
}

/** Rows of every batch from step `from` of a task on, until the next phase. */
export interface RowPhase {
  readonly from: number;
  readonly rows: BatchRows;
}

/** A step whose rows are asked for. */
export interface StepRows {
  readonly task: number;
  readonly step: number;
  /** Of this task, by rising `from`; the first begins at 0. */
  readonly phases: readonly RowPhase[];
  /** Samples in the pools of this task. */
  readonly pools: { readonly update: number; readonly buffer: number };
  /** Rows that earlier tasks took from pretraining. */
  readonly pretrainingDrawn: number;
}

// A batch touches at most two neighbouring passes unless the pool is smaller than its part.
const passesKept = 2;

/**
 * Every sample of a pool once a pass, in a fresh permutation for each (task, pass): position q is sample π(task, ⌊q/n⌋)[q mod n].
 * Whatever is asked, in whatever order, the answer is the same; permutations are kept for two passes only.
 */
export function passOrder(
  random: Random,
  source: "update" | "buffer",
  { task, size }: { readonly task: number; readonly size: number },
): SampleOrder {
  const permutation = remember(passesKept, (pass) => random.at(`order/${source}`, { task, index: pass }).permutation(size));
  return (position) => {
    const pass = Math.floor(position / size);
    return { sample: permutation(pass)[position % size] as number, pass };
  };
}

/** How the pretraining pool lies on disk. */
export interface ShardedPool {
  /** Samples of every shard; sample numbers run through the shards in this order. */
  readonly shards: readonly number[];
  /** Shards that are mixed with each other, so that a pass reads few files at a time. */
  readonly window?: number;
}

/**
 * Every sample once a pass: shards in a fresh permutation (`pretrain/shards`), then the samples of each window of shards in a
 * permutation of their own (`order/pretraining`, step word = window). Positions run over the whole run, so the task word is 0.
 */
export function shardedOrder(random: Random, { shards, window = 8 }: ShardedPool): SampleOrder {
  const starts = runningSums(shards);
  const size = starts[shards.length] as number;
  const layout = remember(passesKept, (pass) => {
    const order = random.at("pretrain/shards", { index: pass }).permutation(shards.length);
    const windows: Uint32Array[] = [];
    for (let from = 0; from < order.length; from += window) windows.push(order.subarray(from, from + window));
    return { windows, borders: runningSums(windows.map((members) => members.reduce((sum, shard) => sum + (shards[shard] ?? 0), 0))) };
  });
  // Windows are numbered over all passes, so that one number addresses what is kept.
  const perPass = Math.max(1, Math.ceil(shards.length / window));
  const samples = remember(passesKept, (number) => {
    const pass = Math.floor(number / perPass);
    const members = layout(pass).windows[number % perPass] ?? new Uint32Array();
    const own = [...members].map((shard) => shards[shard] ?? 0);
    const mixed = random.at("order/pretraining", { index: pass, step: number % perPass }).permutation(own.reduce((a, b) => a + b, 0));
    const borders = runningSums(own);
    return mixed.map((within) => {
      const at = lastAtMost(borders, within);
      return (starts[members[at] as number] as number) + within - (borders[at] as number);
    });
  });
  return (position) => {
    const pass = Math.floor(position / size);
    const { borders } = layout(pass);
    const at = lastAtMost(borders, position % size);
    return { sample: samples(pass * perPass + at)[(position % size) - (borders[at] as number)] as number, pass };
  };
}

/** Gives the groups of a task's pool, for a source whose rows are drawn evenly over groups. */
export type GroupsOfSource = Readonly<Partial<Record<"update" | "buffer", (task: number) => PoolGroups>>>;

/** Draws the rows of any step of a run, source by source in the order of the joined batch. A pure function of its argument; what it keeps only saves time. */
export function createRowDraws(
  random: Random,
  pretraining: ShardedPool,
  groups: GroupsOfSource = {},
): (at: StepRows) => readonly RowDraw[] {
  const pretrainingOrder = shardedOrder(random, pretraining);
  const orders = rememberOrders((source, task, size) => {
    const grouped = groups[source];
    return grouped ? balancedOrder(random, source, { task, groups: grouped(task) }) : passOrder(random, source, { task, size });
  });
  return ({ task, step, phases, pools, pretrainingDrawn }) => {
    const rows = rowsAt(phases, step);
    const before = rowsBefore(phases, step);
    return joinOrder.flatMap((source) => {
      const count = rows[source];
      if (count === 0) return [];
      const order = source === "pretraining" ? pretrainingOrder : orders(source, task, pools[source]);
      const first = before[source] + (source === "pretraining" ? pretrainingDrawn : 0);
      return Array.from({ length: count }, (_, j) => ({ source, ...order(first + j), position: first + j }));
    });
  };
}

/** Rows of the batch at a step of a task. */
export function rowsAt(phases: readonly RowPhase[], step: number): BatchRows {
  const phase = phases.findLast(({ from }) => from <= step);
  if (!phase) throw new RangeError(`internal: positions: no phase holds step ${step}`);
  return phase.rows;
}

/** Rows that each source gave in the steps of a task before this one; with all its steps, what the task takes. */
export function rowsBefore(phases: readonly RowPhase[], step: number): BatchRows {
  const drawn = { pretraining: 0, update: 0, buffer: 0 };
  for (const [i, { from, rows }] of phases.entries()) {
    const steps = Math.max(0, Math.min(step, phases[i + 1]?.from ?? step) - from);
    for (const source of joinOrder) drawn[source] += steps * rows[source];
  }
  return drawn;
}

/** Where the draws of one row (crop, flip, caption) are made: neither workers nor read-ahead can change it. */
function drawPlace(task: number, position: number): DrawPlace {
  return { task, index: position };
}

/** One of a sample's captions, uniformly, by its position alone. */
export function pickCaption(
  random: Random,
  at: { readonly source: BatchSource; readonly task: number; readonly position: number },
  captions: readonly string[],
): string {
  const [first] = captions;
  if (first === undefined) throw new RangeError("internal: pickCaption: a sample without captions");
  if (captions.length === 1) return first;
  return captions[random.at(`caption/${at.source}`, drawPlace(at.task, at.position)).below(captions.length)] ?? first;
}

/** The last index whose border is not above `value`, skipping empty stretches; borders start at 0 and never fall. */
function lastAtMost(borders: readonly number[], value: number): number {
  let low = 0;
  let high = borders.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((borders[middle] as number) <= value) low = middle;
    else high = middle;
  }
  return low;
}

function runningSums(counts: readonly number[]): number[] {
  const sums = [0];
  for (const count of counts) sums.push((sums.at(-1) as number) + count);
  return sums;
}

/** The last order of each source. */
function rememberOrders(
  make: (source: "update" | "buffer", task: number, size: number) => SampleOrder,
): (source: "update" | "buffer", task: number, size: number) => SampleOrder {
  const kept = new Map<string, { readonly task: number; readonly size: number; readonly order: SampleOrder }>();
  return (source, task, size) => {
    const known = kept.get(source);
    if (known?.task === task && known.size === size) return known.order;
    const order = make(source, task, size);
    kept.set(source, { task, size, order });
    return order;
  };
}
