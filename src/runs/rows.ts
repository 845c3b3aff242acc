import type { EvaluatedEvent, StepEvent, StoredEvent } from "./event.ts";

/** A line of metrics.jsonl: one number of one step. */
export interface MetricRow {
  readonly t: number;
  readonly task: number;
  /** Step of the run. */
  readonly s: number;
  /** Rows drawn so far. */
  readonly samples: number;
  readonly k: string;
  readonly v: number;
}

/** A line of eval/results.jsonl. */
export interface ResultRow {
  readonly t: number;
  readonly task: number;
  readonly s: number;
  readonly state: string;
  readonly dataset: string;
  readonly role: string;
  readonly evaluator: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly interval?: readonly [number, number];
  readonly n: number;
  readonly items?: string;
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  readonly digests?: Readonly<Record<string, string>>;
  readonly seconds?: number;
}

/** A line of samples/ledger.jsonl: what was drawn from a source. */
export interface LedgerRow {
  readonly task: number;
  readonly s: number;
  readonly source: string;
  readonly concept?: string;
  readonly pass: number;
  readonly n: number;
}

/** Keys whose values depend on the machine's speed, not on the run. */
export const timingKeys: ReadonlySet<string> = new Set(["train/batch_time", "train/data_time"]);

const lossPrefix = "train/loss/";

/** OpenCLIP's log keys. The loss that was minimised is `train/loss`, a named term `train/loss/<name>`; times are in seconds. */
export function metricRows(event: StepEvent, t: number): readonly MetricRow[] {
  const at = { t, task: event.task, s: event.step, samples: event.samples };
  const losses = Object.entries(event.losses).map(([name, v]) => ({
    ...at,
    k: name === "loss" ? "train/loss" : `${lossPrefix}${name}`,
    v,
  }));
  const others: readonly (readonly [string, number | undefined])[] = [
    ["train/lr", event.learningRate],
    ["train/logit_scale", event.logitScale],
    ["train/grad_norm", event.gradientNorm],
    ["train/batch_time", event.timing && event.timing.batchMs / 1000],
    ["train/data_time", event.timing && event.timing.dataMs / 1000],
  ];
  return [...losses, ...others.flatMap(([k, v]) => (v === undefined ? [] : [{ ...at, k, v }]))];
}

/** The step events that the rows were made of. */
export function stepEvents(rows: readonly MetricRow[]): readonly (StepEvent & { readonly t: number })[] {
  const steps: MetricRow[][] = [];
  for (const row of rows) {
    const last = steps.at(-1);
    if (last?.[0]?.s === row.s && last[0].task === row.task) last.push(row);
    else steps.push([row]);
  }
  return steps.flatMap((group) => (group[0] ? [stepOf(group[0], new Map(group.map(({ k, v }) => [k, v])))] : []));
}

function stepOf({ t, task, s, samples }: MetricRow, values: ReadonlyMap<string, number>): StepEvent & { readonly t: number } {
  const losses = [...values].flatMap(([key, v]) => {
    if (key === "train/loss") return [["loss", v] as const];
    return key.startsWith(lossPrefix) ? [[key.slice(lossPrefix.length), v] as const] : [];
  });
  const logitScale = values.get("train/logit_scale");
  const gradientNorm = values.get("train/grad_norm");
  const batch = values.get("train/batch_time");
  return {
    t,
    type: "step",
    task,
    step: s,
    samples,
    losses: Object.fromEntries(losses),
    learningRate: values.get("train/lr") ?? 0,
    ...(logitScale === undefined ? {} : { logitScale }),
    ...(gradientNorm === undefined ? {} : { gradientNorm }),
    ...(batch === undefined ? {} : { timing: { batchMs: batch * 1000, dataMs: (values.get("train/data_time") ?? 0) * 1000 } }),
  };
}

/** One row a measurement. */
export function resultRows(event: EvaluatedEvent, t: number): readonly ResultRow[] {
  const { task, step, state, source, role, evaluator, settings, digests, durationMs } = event;
  return event.measurements.map(({ metric, value, unit, interval, samples, items }) => ({
    ...{ t, task, s: step, state, dataset: source, role, evaluator, metric, value, unit },
    ...(interval ? { interval } : {}),
    n: samples,
    ...(items ? { items } : {}),
    ...(settings ? { settings } : {}),
    ...(digests ? { digests } : {}),
    ...(durationMs === undefined ? {} : { seconds: durationMs / 1000 }),
  }));
}

/** Two lists of events by time, each in its own order. */
export function interleave(steps: readonly StoredEvent[], others: readonly StoredEvent[]): readonly StoredEvent[] {
  const merged: StoredEvent[] = [];
  let i = 0;
  for (const event of others) {
    for (let step = steps[i]; step && step.t <= event.t; step = steps[++i]) merged.push(step);
    merged.push(event);
  }
  return [...merged, ...steps.slice(i)];
}
