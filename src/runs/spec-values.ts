/** How much work a run or each of its tasks may take. */
export interface BudgetSpec {
  readonly scope: "run" | "task";
  /** Samples count rows of all sources. */
  readonly unit: "steps" | "samples";
  readonly total: number;
}

const scales: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6, G: 1e9 };
const counted: Readonly<Record<string, BudgetSpec["unit"]>> = { step: "steps", steps: "steps", sample: "samples", samples: "samples" };
const uncounted = /^(maf|mafs|flop|flops|epochs?|ms|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)$/i;

/** `10 steps`, `6400 samples`, `1.2M samples`; else what was expected instead, as a text. */
export function parseBudget(text: string): Omit<BudgetSpec, "scope"> | string {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kMG]?)\s+([A-Za-z]+)\s*$/.exec(text) ?? /^\s*(\d+(?:\.\d+)?)\s*()([A-Za-z]+)\s*$/.exec(text);
  const unit = counted[match?.[3]?.toLowerCase() ?? ""];
  const name = match?.[3] ?? "";
  const plain = name.replace(/^[kMGTPE](?=MAF|FLOP)/i, "");
  if (!unit)
    return uncounted.test(plain)
      ? `a budget in steps or samples (budgets in ${name} cannot be counted by this version)`
      : 'a number of steps or samples, as "10 steps"';
  const total = Math.round(Number(match?.[1]) * (scales[match?.[2] ?? ""] ?? 1) * 1e6) / 1e6;
  return Number.isSafeInteger(total) && total >= 1 ? { unit, total } : `a whole number of ${unit}, at least 1`;
}

/** Share of `10%` as a number below 1; undefined when the text is none. Warm-ups below 1 are shares, others are steps. */
export function parseWarmup(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text);
  const share = match ? Number(match[1]) / 100 : 1;
  return share < 1 ? share : undefined;
}
