import type { ClaimVerdict, JudgedClaim, JudgedPair, JudgedTest } from "../report/claims-table.ts";
import type { SweptTrial } from "../report/sweep-summary.ts";
import type { Claim, ClaimPoint, ClaimTest } from "../runs/claims.ts";
import { cellOf } from "../runs/sweep.ts";
import type { TrialResult } from "../runs/trial.ts";
import { groupBy } from "../util/group-by.ts";
import { type Measured, measureClaim } from "./measure-claim.ts";
import { StoredScores } from "./stored-scores.ts";

/** Seeds that a verdict takes at least. */
const fewest = 3;

/** Every claim with its verdict, from the results that are there; nothing is run. The same results give the same intervals, whatever else is there. */
export function judgeClaims(
  { claims, scale }: { readonly claims: readonly Claim[]; readonly scale: "small" | "full" },
  trials: readonly SweptTrial[],
): readonly JudgedClaim[] {
  const cells = new Map([...groupBy(trials, ({ labels }) => cellOf(labels))].map(([cell, members]) => [cell, resultsOf(members)]));
  const scores = new StoredScores(trials.flatMap(({ result }) => result ?? []));
  return claims.map(({ needs, ...claim }) => {
    const tests = needs.map((test): JudgedTest => {
      const pairs = pairsOf(test).map((pair) => judged(test, pair, { cells, scores }));
      const verdict =
        test.kind !== "spread" && test.any ? anyOf(pairs.map((pair) => pair.verdict)) : allOf(pairs.map((pair) => pair.verdict));
      return { verdict, pairs };
    });
    return { ...claim, verdict: allOf(tests.map(({ verdict }) => verdict)), scale, tests };
  });
}

/** Results of a cell by seed. */
type Results = ReadonlyMap<string, TrialResult>;

function resultsOf(members: readonly SweptTrial[]): Results {
  return new Map(members.flatMap(({ labels, result }) => (result ? [[labels.seed ?? "", result] as const] : [])));
}

/** Confirmed when all are, refuted when any is. */
function allOf(verdicts: readonly ClaimVerdict[]): ClaimVerdict {
  if (verdicts.every((verdict) => verdict === "confirmed")) return "confirmed";
  return (["refuted", "missing"] as const).find((verdict) => verdicts.includes(verdict)) ?? "undecided";
}

/** Confirmed when any is, refuted when all are. */
function anyOf(verdicts: readonly ClaimVerdict[]): ClaimVerdict {
  if (verdicts.every((verdict) => verdict === "refuted")) return "refuted";
  return (["confirmed", "missing"] as const).find((verdict) => verdicts.includes(verdict)) ?? "undecided";
}

/** One thing that a test asks: points on the way of cells, and what number is made of their means. */
interface Pair {
  readonly asks: string;
  readonly columns: readonly { readonly cell: string; readonly at: ClaimPoint }[];
  readonly statistic: (means: readonly number[]) => number;
}

const difference = ([a = Number.NaN, b = Number.NaN]: readonly number[]): number => a - b;

function pairsOf(test: ClaimTest): readonly Pair[] {
  const { at } = test;
  const metric = /^(ka|zs|gm|ka\+zs)$/.test(test.metric) ? test.metric.toUpperCase() : test.metric;
  const named = (name: string): string => (at === "end" ? name : typeof at === "number" ? `${name} after ${at} tasks` : `${name} ${at}`);
  const bound =
    test.kind === "near" ? `within ${pointsText(test.within)}` : `${test.side} ${pointsText(test.side === "above" ? test.by : -test.by)}`;
  if (test.kind === "spread") {
    const count = test.over.length;
    return [
      {
        asks: `spread of ${metric}: ${test.over.map(named).join(", ")} − ${test.with.map(named).join(", ")}, ${bound}`,
        columns: [...test.over, ...test.with].map((cell) => ({ cell, at })),
        statistic: (means) => range(means.slice(0, count)) - range(means.slice(count)),
      },
    ];
  }
  const others = test.than === "start" ? ["start"] : test.than;
  return test.of.flatMap((cell) =>
    others.map((other) => ({
      asks: `${metric}: ${named(cell)} − ${test.than === "start" ? other : named(other)}, ${bound}`,
      columns: [{ cell, at }, test.than === "start" ? { cell, at: "first" as const } : { cell: other, at }],
      statistic: difference,
    })),
  );
}

const range = (values: readonly number[]): number => Math.max(...values) - Math.min(...values);
const pointsText = (share: number): string => String(Math.round(1e6 * share) / 1e4).replace("-", "−");

function judged(
  test: ClaimTest,
  { asks, columns, statistic }: Pair,
  { cells, scores }: { readonly cells: ReadonlyMap<string, Results>; readonly scores: StoredScores },
): JudgedPair {
  const oracle = test.kind === "spread" ? undefined : test.oracle;
  const names = [...new Set([...columns.map(({ cell }) => cell), ...(oracle === undefined ? [] : [oracle])])];
  const found = names.map((name) => cells.get(name) ?? new Map<string, TrialResult>());
  const missing = names.filter((_, i) => found[i]?.size === 0);
  if (missing.length > 0) return { asks, verdict: "missing", missing };
  const seeds = [...(found[0]?.keys() ?? [])].filter((seed) => found.every((results) => results.has(seed)));
  if (seeds.length < fewest) return { asks, verdict: "undecided", reason: `${seeds.length} of ${fewest} seeds`, seeds };
  const trialsOf = (cell: string): readonly TrialResult[] => seeds.flatMap((seed) => cells.get(cell)?.get(seed) ?? []);
  const measured = measureClaim({
    metric: test.metric,
    columns: columns.map(({ cell, at }) => ({ name: cell, at, trials: trialsOf(cell) })),
    ...(oracle === undefined ? {} : { oracle: { name: oracle, at: "end", trials: trialsOf(oracle) } }),
    statistic,
    scores,
  });
  if (typeof measured === "string") return { asks, verdict: "undecided", reason: measured, seeds };
  return { asks, verdict: verdictOf(test, measured.interval), ...measured, seeds };
}

function verdictOf(test: ClaimTest, [low, high]: Measured["interval"]): ClaimVerdict {
  if (test.kind === "near") {
    if (low >= -test.within && high <= test.within) return "confirmed";
    return low > test.within || high < -test.within ? "refuted" : "undecided";
  }
  const [from, to] = test.side === "above" ? [low, high] : [-high, -low];
  return from > test.by ? "confirmed" : to < test.by ? "refuted" : "undecided";
}
