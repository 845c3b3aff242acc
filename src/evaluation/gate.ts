import type { Measurement } from "../runs/measurement.ts";

/** What a score must be: `zs>=65`, `imagenet1k.acc1>=63.2`. */
export interface Gate {
  readonly text: string;
  /** `ka`, `zs`, `gm`, a data set (its headline metric), or `SET.METRIC`. */
  readonly score: string;
  readonly relation: ">=" | "<=";
  /** A share where the score is one. */
  readonly limit: number;
}

export type GateResult = "pass" | "fail" | "undecided";

/** A gate held against what was measured. */
export interface JudgedGate {
  readonly text: string;
  readonly result: GateResult;
  /** Undefined where no such score was measured: undecided. */
  readonly measured?: Pick<Measurement, "value" | "interval">;
}

/** Reads `SCORE>=PERCENT` or `SCORE<=PERCENT`; undefined for anything else. */
export function parseGate(text: string): Gate | undefined {
  const [, score, relation, number] = /^\s*(\S+?)\s*(>=|<=)\s*(\d+(?:\.\d+)?)\s*%?\s*$/.exec(text) ?? [];
  if (score === undefined || number === undefined) return undefined;
  return { text: text.trim(), score, relation: relation as Gate["relation"], limit: Number(number) / 100 };
}

/**
 * Pass when the whole 95 % interval is on the right side of the limit, fail when it is on the wrong one, else undecided: the data cannot tell. Without
 * an interval the value decides.
 */
export function judge({ text, relation, limit }: Gate, measured: Pick<Measurement, "value" | "interval"> | undefined): JudgedGate {
  if (!measured) return { text, result: "undecided" };
  const [low, high] = measured.interval ?? [measured.value, measured.value];
  const sign = relation === ">=" ? 1 : -1;
  const [worst, best] = sign > 0 ? [low, high] : [-high, -low];
  const result = worst >= sign * limit ? "pass" : best < sign * limit ? "fail" : "undecided";
  return { text, result, measured: { value: measured.value, ...(measured.interval ? { interval: measured.interval } : {}) } };
}

/** Fail if any gate fails, undecided if any is, else pass. */
export function verdictOfAll(gates: readonly JudgedGate[]): GateResult {
  const has = (result: GateResult): boolean => gates.some((gate) => gate.result === result);
  return has("fail") ? "fail" : has("undecided") ? "undecided" : "pass";
}
