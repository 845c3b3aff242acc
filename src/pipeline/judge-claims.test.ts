import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { madeTrial } from "../../test/fixtures/runs/made-trial.ts";
import { packHits } from "../evaluation/trial-outcomes.ts";
import type { SweptTrial } from "../report/sweep-summary.ts";
import type { ClaimTest, DifferenceTest, NearTest, SpreadTest } from "../runs/claims.ts";
import type { TrialEvaluation, TrialResult } from "../runs/trial.ts";
import { judgeClaims } from "./judge-claims.ts";

/** Hits by set; sets that begin with `e` count in ZS. */
type Hits = Readonly<Record<string, readonly number[]>>;
const shareOf = (hits: readonly number[] = []): number => hits.reduce((sum, hit) => sum + hit, 0) / hits.length;
const first = (count: number, of: number): readonly number[] => Array.from({ length: of }, (_, i) => (i < count ? 1 : 0));
const partOf = (set: string): "ka" | "zs" => (set.startsWith("e") ? "zs" : "ka");

function scored(task: number, hits: Hits): TrialEvaluation {
  const mean = (part: "ka" | "zs"): number => {
    const values = Object.entries(hits).flatMap(([set, own]) => (partOf(set) === part ? [shareOf(own)] : []));
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  const [ka, zs] = [mean("ka"), mean("zs")];
  return {
    task,
    step: 10 * (task + 1),
    ka: { value: ka },
    zs: { value: zs },
    gm: { value: Math.sqrt(ka * zs) },
    sets: Object.fromEntries(Object.entries(hits).map(([set, own]) => [set, shareOf(own)])),
  };
}

function result(way: readonly Hits[], digest = "d"): TrialResult {
  const [start = {}, end = {}] = [way[0], way.at(-1)];
  const packed = (hits: Hits): Readonly<Record<string, string>> =>
    Object.fromEntries(Object.entries(hits).map(([set, own]) => [set, packHits({ set, items: own.length, directions: [{ hits: own }] })]));
  return madeTrial({
    tasks: way.length - 1,
    evaluations: way.map((hits, i) => scored(i - 1, hits)),
    outcomes: {
      sets: Object.fromEntries(Object.entries(end).map(([set, own]) => [set, { part: partOf(set), digest, items: own.length }])),
      first: packed(start),
      last: packed(end),
    },
  });
}

const start: Hits = { a: first(10, 100), e: first(80, 100) };
/** A cell with a result for each seed. */
const cell = (variant: string, results: readonly (TrialResult | undefined)[]): readonly SweptTrial[] =>
  results.map((each, seed) => ({
    trial: `${variant}-${seed}`,
    labels: { variant, seed: String(seed) },
    ...(each ? { result: each } : {}),
  }));
const thrice = (ka: number, zs: number): readonly TrialResult[] =>
  [0, 1, 2].map(() => result([start, { a: first(ka, 100), e: first(zs, 100) }]));

const above: DifferenceTest = { kind: "difference", metric: "ka", at: "end", of: ["x"], than: ["y"], any: false, side: "above", by: 0 };
const near: NearTest = { kind: "near", metric: "ka", at: "end", of: ["x"], than: ["y"], any: false, within: 0.05 };
const spread: SpreadTest = { kind: "spread", metric: "ka", at: "end", side: "above", by: 0, over: ["x", "y"], with: ["z", "w"] };
function judge(trials: readonly SweptTrial[], ...needs: readonly ClaimTest[]) {
  const [found] = judgeClaims({ claims: [{ id: "H1", says: "so", needs }], scale: "small" }, trials);
  if (!found) throw new Error("no verdict");
  return { ...found, pair: found.tests[0]?.pairs[0] };
}

describe("a difference", () => {
  const trials = [...cell("x", thrice(60, 70)), ...cell("y", thrice(50, 70))];
  test("of ten items in a hundred is 10 points, its interval that of the items in which the two differ", () => {
    const { verdict, pair } = judge(trials, above);
    expect(verdict).toBe("confirmed");
    expect(pair).toMatchObject({ asks: "KA: x − y, above 0", over: "items and seeds", seeds: ["0", "1", "2"] });
    expect(pair?.value).toBeCloseTo(0.1, 12);
    // A count of 100 draws at chance .1: its 2.5 % and 97.5 % points are 5 and 16, within one as a thousand resamples tell them.
    expect(Math.abs((pair?.interval?.[0] ?? 0) - 0.05)).toBeLessThan(0.0101);
    expect(Math.abs((pair?.interval?.[1] ?? 0) - 0.16)).toBeLessThan(0.0101);
  });
  test("is confirmed beyond what it must exceed, refuted short of it, and undecided between", () => {
    const verdict = (side: "above" | "below", by: number) => judge(trials, { ...above, side, by }).verdict;
    expect([verdict("above", 0.03), verdict("above", 0.1), verdict("above", 0.2)]).toEqual(["confirmed", "undecided", "refuted"]);
    expect([verdict("below", 0), verdict("below", -0.2), verdict("below", -0.1)]).toEqual(["refuted", "confirmed", "undecided"]);
  });
  test("of nothing is undecided, and near", () => {
    const equal = [...cell("x", thrice(50, 70)), ...cell("y", thrice(50, 70))];
    expect(judge(equal, above)).toMatchObject({ verdict: "undecided", pair: { value: 0, interval: [0, 0] } });
    expect(judge(equal, near).verdict).toBe("confirmed");
  });
  test("near is refuted when the whole interval lies outside on one side", () => {
    const verdict = (within: number) => judge(trials, { ...near, within }).verdict;
    expect([verdict(0.2), verdict(0.1), verdict(0.02)]).toEqual(["confirmed", "undecided", "refuted"]);
  });
  test("against the start is of the same trials; KA rose from 10 to 60, ZS fell from 80 to 70", () => {
    expect(judge(trials, { ...above, than: "start" }).pair?.value).toBeCloseTo(0.5, 12);
    const { verdict, pair } = judge(trials, { ...above, metric: "zs", than: "start", side: "below" });
    expect([verdict, pair?.asks]).toEqual(["confirmed", "ZS: x − start, below 0"]);
    expect(pair?.value).toBeCloseTo(-0.1, 12);
  });
  test("of GM is that of the means: √(.6 · .7) − √(.5 · .7); of a sum 10 points; of one set its own", () => {
    expect(judge([...trials, ...cell("z", thrice(50, 90))], { ...above, metric: "ka+zs", than: ["z"] }).pair).toMatchObject({
      asks: "KA+ZS: x − z, above 0",
      value: expect.closeTo(-0.1, 12),
    });
    expect(judge(trials, { ...above, metric: "gm" }).pair?.value).toBeCloseTo(Math.sqrt(0.42) - Math.sqrt(0.35), 12);
    expect(judge(trials, { ...above, metric: "e" }).pair?.value).toBe(0);
    expect(judge(trials, { ...above, metric: "ee" }).pair?.reason).toBe('x: no set is called "ee" (did you mean: e)');
  });
  test("takes in how seeds differ: of 0, 10 and 20 points none is surely above 0", () => {
    const seeds = [50, 60, 70].map((ka) => result([start, { a: first(ka, 100), e: first(70, 100) }]));
    const { verdict, pair } = judge([...cell("x", seeds), ...cell("y", thrice(50, 70))], above);
    expect(verdict).toBe("undecided");
    expect(pair?.value).toBeCloseTo(0.1, 12);
    expect(pair?.interval?.[0]).toBe(0);
  });
  test("changes its sign when the two are swapped, resample by resample", () => {
    const counts = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 20 }));
    const way = ([ka, zs, shift]: readonly [number, number, number]): TrialResult => {
      const turned = (hits: readonly number[]): readonly number[] => [...hits.slice(shift), ...hits.slice(0, shift)];
      return result([start, { a: turned(first(ka, 60)), e: turned(first(zs, 60)) }]);
    };
    fc.assert(
      fc.property(fc.array(counts, { minLength: 6, maxLength: 6 }), fc.constantFrom("ka", "zs", "gm"), (given, metric) => {
        const both = [...cell("x", given.slice(0, 3).map(way)), ...cell("y", given.slice(3).map(way))];
        const one = judge(both, { ...above, metric }).pair;
        const other = judge(both, { ...above, metric, of: ["y"], than: ["x"] }).pair;
        expect(other?.value).toBeCloseTo(-(one?.value ?? Number.NaN), 12);
        expect(other?.interval?.[0]).toBeCloseTo(-(one?.interval?.[1] ?? Number.NaN), 12);
        expect(other?.interval?.[1]).toBeCloseTo(-(one?.interval?.[0] ?? Number.NaN), 12);
      }),
      { numRuns: 8 },
    );
  });
  test("has the same interval whatever other cells there are", () => {
    expect(judge([...cell("w", thrice(20, 70)), ...trials], above).pair).toEqual(judge(trials, above).pair);
  });
});

describe("what is not there", () => {
  const y = cell("y", thrice(50, 70));
  test("is missing by name, and fewer than three common seeds decide nothing", () => {
    expect(judge([...cell("x", [undefined, undefined, undefined]), ...y], above)).toMatchObject({
      verdict: "missing",
      pair: { missing: ["x"] },
    });
    const [one, two] = thrice(60, 70);
    const { verdict, pair } = judge([...cell("x", [one, undefined, two]), ...y], above);
    expect([verdict, pair?.reason, pair?.seeds]).toEqual(["undecided", "2 of 3 seeds", ["0", "2"]]);
  });
  test("a metric by the name of what every object has is none", () => {
    const asked = judge([...cell("x", thrice(60, 70)), ...y], { ...above, metric: "constructor" });
    expect(asked.pair).toMatchObject({ verdict: "undecided", reason: 'x: no set is called "constructor" (one of: a, e)' });
  });
  test("results without outcomes say so", () => {
    const old = thrice(60, 70).map(({ outcomes: _, ...rest }): TrialResult => rest);
    expect(judge([...cell("x", old), ...y], above).pair).toMatchObject({ verdict: "undecided", reason: "x: no stored outcomes" });
  });
  test("a part whose set has no outcomes has none", () => {
    const torn = thrice(60, 70).map(
      (each): TrialResult => ({ ...each, ...(each.outcomes ? { outcomes: { ...each.outcomes, last: {} } } : {}) }),
    );
    expect(judge([...cell("x", torn), ...y], above).pair?.reason).toBe("x: no stored outcomes at its end");
  });
  test("other test items are not compared; of each seed's own they are resampled seed by seed", () => {
    const on = (digest: string, ka: number) => result([start, { a: first(ka, 100), e: first(70, 100) }], digest);
    const other = cell(
      "x",
      ["p", "q", "r"].map((digest) => on(digest, 60)),
    );
    expect(judge([...other, ...y], above).pair?.reason).toBe("x and y were scored on other test items");
    const { verdict, pair } = judge(
      [
        ...other,
        ...cell(
          "y",
          ["p", "q", "r"].map((digest) => on(digest, 50)),
        ),
      ],
      above,
    );
    expect(verdict).toBe("confirmed");
    // Each seed's own items: its noise counts by Σ n² / 9, which is 5/9 on average over drawn seeds.
    const width = Math.sqrt(5 / 9) * 2 * 1.96 * Math.sqrt((0.1 * 0.9) / 100);
    expect(Math.abs((pair?.interval?.[1] ?? 1) - (pair?.interval?.[0] ?? 0) - width)).toBeLessThan(0.005);
  });
});

describe("several", () => {
  const trials = [...cell("x", thrice(60, 70)), ...cell("y", thrice(50, 70)), ...cell("z", thrice(60, 70)), ...cell("w", thrice(90, 70))];
  test("cells make every pair: all must hold, or any", () => {
    const verdict = (than: readonly string[], any: boolean) => judge(trials, { ...above, than, any }).verdict;
    expect([verdict(["y"], false), verdict(["y", "z"], false), verdict(["y", "w"], false)]).toEqual(["confirmed", "undecided", "refuted"]);
    expect([verdict(["y", "w"], true), verdict(["z", "w"], true), verdict(["w"], true)]).toEqual(["confirmed", "undecided", "refuted"]);
    expect(judge(trials, { ...above, of: ["x", "w"], than: ["y", "z"] }).tests[0]?.pairs.map(({ asks }) => asks)).toEqual([
      "KA: x − y, above 0",
      "KA: x − z, above 0",
      "KA: w − y, above 0",
      "KA: w − z, above 0",
    ]);
  });
  test("tests make a claim: confirmed when all are, refuted when any is, missing before undecided", () => {
    const [no, maybe] = [{ ...above, side: "below" } as const, { ...above, than: ["z"] }];
    expect(judge(trials, above, above).verdict).toBe("confirmed");
    expect(judge(trials, above, maybe).verdict).toBe("undecided");
    expect(judge(trials, maybe, no).verdict).toBe("refuted");
    const gone = { ...above, than: ["v"] };
    expect(judge([...trials, ...cell("v", [undefined])], maybe, gone).verdict).toBe("missing");
    expect(judge([...trials, ...cell("v", [undefined])], no, gone).verdict).toBe("refuted");
  });
});

describe("a spread", () => {
  test("is how far the means of a group lie apart: 10 and 30 points", () => {
    const trials = [...cell("x", thrice(50, 70)), ...cell("y", thrice(80, 70)), ...cell("z", thrice(60, 70)), ...cell("w", thrice(70, 70))];
    const { verdict, pair } = judge(trials, spread);
    expect([verdict, pair?.asks]).toEqual(["confirmed", "spread of KA: x, y − z, w, above 0"]);
    expect(pair?.value).toBeCloseTo(0.3 - 0.1, 12);
    expect(judge(trials, { ...spread, side: "below" }).verdict).toBe("refuted");
  });
});

describe("on the way", () => {
  // ZS of three seeds after one task 82, 83 and 84, and 70 at the end.
  const ways = [82, 83, 84].map((zs) =>
    result([start, { a: first(30, 100), e: first(zs, 100) }, { a: first(60, 100), e: first(70, 100) }]),
  );
  const trials = cell("x", ways);
  test("a peak is held against the start by Student's t over seeds: 3 ± 4.303/√3 points", () => {
    const { verdict, pair } = judge(trials, { ...above, metric: "zs", than: "start", at: "peak" });
    expect([verdict, pair?.asks, pair?.over]).toEqual(["confirmed", "ZS: x peak − start, above 0", "seeds"]);
    expect(pair?.value).toBeCloseTo(0.03, 12);
    expect(pair?.interval?.[1]).toBeCloseTo(0.03 + (0.01 * 4.302653) / Math.sqrt(3), 7);
  });
  test("a number counts finished tasks; the lowest point and the end are others", () => {
    const value = (at: "lowest" | "end" | number) => judge(trials, { ...above, metric: "zs", than: "start", at }).pair?.value;
    expect(value(1)).toBeCloseTo(0.03, 12);
    expect(value(2)).toBeCloseTo(-0.1, 12);
    expect(value("lowest")).toBeCloseTo(-0.1, 12);
    expect(value("end")).toBeCloseTo(-0.1, 12);
    expect(judge(trials, { ...above, metric: "ka+zs", than: "start", at: 1 }).pair?.value).toBeCloseTo(0.2 + 0.03, 12);
    expect(judge(trials, { ...above, metric: "zs", than: "start", at: 3 }).pair?.reason).toBe("x: no zs after 3 tasks");
  });
  test("points on fewer items than the start's are told apart", () => {
    const on = (rest: number) =>
      ways.map(
        (each): TrialResult => ({ ...each, evaluations: each.evaluations.map((row, i) => ({ ...row, items: i === 1 ? rest : 200 })) }),
      );
    const unequal = (rest: number) => judge(cell("x", on(rest)), { ...above, metric: "zs", than: "start", at: "peak" }).pair?.unequalItems;
    expect([unequal(200), unequal(120)]).toEqual([undefined, true]);
  });
  test("points in the midst of a task count", () => {
    const dipped = ways.map((each, i): TrialResult => ({ ...each, inside: [{ task: 0, step: 5, ka: 0.1, zs: 0.5 + i / 100 }] }));
    expect(judge(cell("x", dipped), { ...above, metric: "zs", than: "start", at: "lowest" }).pair?.value).toBeCloseTo(0.51 - 0.8, 12);
  });
});

describe("the line to the upper bound", () => {
  const oracle = cell("o", thrice(90, 60));
  const distance = { ...above, metric: "distance", than: "start", oracle: "o" } as const;
  test("is crossed by what keeps more: (80, 50) is √(.2² + .8²) from it, in the plane's own units", () => {
    const { verdict, pair } = judge([...cell("x", thrice(50, 80)), ...oracle], distance);
    // From (.8, .1) to (.6, .9): x of the point is 0 and y .4, so d = −y · (−.2)/√.68.
    expect(pair?.value).toBeCloseTo((0.4 * 0.2) / Math.sqrt(0.68), 12);
    expect(verdict).toBe("confirmed");
  });
  test("is met by the oracle itself, and holds the points of two cells apart", () => {
    expect(judge([...oracle], { ...distance, of: ["o"] }).pair?.value).toBeCloseTo(0, 12);
    const both = [...cell("x", thrice(50, 80)), ...cell("y", thrice(50, 70)), ...oracle];
    expect(judge(both, { ...distance, than: ["y"] }).pair?.value).toBeCloseTo((0.1 * 0.8) / Math.sqrt(0.68), 12);
  });
});
