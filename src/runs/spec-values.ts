import type { Accounting, Charged } from "../budget/cost.ts";
import { parseDuration } from "../util/units.ts";

/** How much work a run or each of its tasks may take. */
export interface BudgetSpec {
  readonly scope: "run" | "task";
  /** Samples count rows of all sources; MAFs are FLOPs adjusted by memory; time is in milliseconds. */
  readonly unit: "steps" | "samples" | "flops" | "mafs" | "time";
  readonly total: number;
  /** Of budgets of FLOPs and MAFs. */
  readonly accounting?: AccountingSpec;
  /** What a step takes, of budgets of time. It is part of the configuration, so that a run has the same steps wherever it goes on. */
  readonly stepMs?: number;
  /** Share by which steps may pass a budget of time before the run stops. */
  readonly allowance?: number;
}

/** How FLOPs and MAFs become steps. */
export interface AccountingSpec {
  /** Peak memory over full fine-tuning's: from the published table, or metered on shapes. */
  readonly multipliers: "published" | "metered";
  readonly stepsFrom: "closed-form" | "metered";
  /** Whether the end of a task is charged once or, as published, with every step. */
  readonly taskEnds: Accounting;
  /** `all` is metered: it charges what is no product, what is computed again, what merges read and write, and state in the host's memory. */
  readonly charge: Charged;
  /** Steps are rounded down, not to the nearest. */
  readonly strict: boolean;
}

/** How a budget of FLOPs or MAFs was charged, in words; undefined where steps, samples or time are counted. */
export function accountingName({ unit, accounting }: Pick<BudgetSpec, "unit" | "accounting">): string | undefined {
  if (!accounting) return undefined;
  const { multipliers, stepsFrom, taskEnds, charge } = accounting;
  const counted = `${charge === "all" ? "all operations" : "products"} ${stepsFrom === "metered" ? "metered" : "in closed form"}`;
  const ends = taskEnds === "fair" ? "what lies beside steps once" : "ends of tasks with every step";
  return [counted, ...(unit === "mafs" ? [`${multipliers} memory`] : []), ends].join(", ");
}

type Amount = Pick<BudgetSpec, "unit" | "total">;

const scales: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 };
const counted: ReadonlyMap<string, BudgetSpec["unit"]> = new Map([
  ["step", "steps"],
  ["steps", "steps"],
  ["sample", "samples"],
  ["samples", "samples"],
]);
const amount = /^\s*(\d+(?:\.\d+)?(?:e\d{1,2})?)\s*/;

/** `10 steps`, `1.2M samples`, `30 PFLOP`, `1.8e9 GMAF`, `2h`; else what was expected instead, as a text. */
export function parseBudget(text: string): Amount | string {
  return computed(text) ?? timed(text) ?? wholeNumber(text);
}

/** FLOPs, and memory-adjusted FLOPs (arXiv:2408.14471), with a decimal prefix. */
function computed(text: string): Amount | undefined {
  const match = new RegExp(`${amount.source}([kMGTPE]?)(FLOP|MAF)s?\\s*$`).exec(text);
  if (!match) return undefined;
  const total = Number(match[1]) * (scales[match[2] ?? ""] ?? 1);
  return total > 0 ? { unit: match[3] === "MAF" ? "mafs" : "flops", total } : undefined;
}

function timed(text: string): Amount | undefined {
  const total = parseDuration(text);
  return total !== undefined && total > 0 ? { unit: "time", total } : undefined;
}

function wholeNumber(text: string): Amount | string {
  const match =
    new RegExp(`${amount.source}([kMG]?)\\s+([A-Za-z]+)\\s*$`).exec(text) ?? new RegExp(`${amount.source}()([A-Za-z]+)\\s*$`).exec(text);
  const unit = counted.get(match?.[3]?.toLowerCase() ?? "");
  if (!unit) return 'an amount of work, as "10 steps", "51200 samples", "30 PFLOP", "1.8e9 GMAF" or "2h"';
  const total = Math.round(Number(match?.[1]) * (scales[match?.[2] ?? ""] ?? 1) * 1e6) / 1e6;
  return Number.isSafeInteger(total) && total >= 1 ? { unit, total } : `a whole number of ${unit}, at least 1`;
}

/** `2000000`, `2M` or `500k` samples; undefined when the text is no whole number of them. */
export function parseCount(given: number | string): number | undefined {
  const match = typeof given === "number" ? undefined : /^\s*(\d+(?:\.\d+)?)\s*([kMG]?)\s*$/.exec(given);
  const count = match ? Math.round(Number(match[1]) * (scales[match[2] ?? ""] ?? 1) * 1e6) / 1e6 : given;
  return typeof count === "number" && Number.isSafeInteger(count) && count >= 1 ? count : undefined;
}

/** Share of `10%` or `150%`; undefined when the text is none. */
export function parsePercent(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text);
  return match ? Number(match[1]) / 100 : undefined;
}

/** The same below 1: warm-ups below 1 are shares, others are steps. */
export function parseWarmup(text: string): number | undefined {
  const share = parsePercent(text) ?? 1;
  return share < 1 ? share : undefined;
}
