import { describe, expect, test } from "vitest";
import type { Measurement } from "../runs/measurement.ts";
import { type EvaluationView, emptyView, type RunView } from "../runs/view.ts";
import {
  atEqualSamples,
  type ComparableRun,
  comparableSets,
  configDifferences,
  refuseAccountings,
  scoresTable,
  verdictOf,
} from "./comparison.ts";

const measured = (value: number, metric = "acc1"): Measurement => ({ metric, value, unit: "share", samples: 100 });

function evaluation(step: number, sets: Readonly<Record<string, Measurement>>, kaSets: readonly string[]): EvaluationView {
  const names = Object.keys(sets);
  return {
    task: step === 0 ? -1 : 0,
    step,
    state: "live",
    cells: Object.fromEntries(names.map((name) => [name, { headline: sets[name] as Measurement, measurements: [] }])),
    scores: { ka: measured(0.5), zs: measured(0.6), kaSets, zsSets: names.filter((name) => !kaSets.includes(name)) },
  };
}
const viewWith = (evaluations: readonly EvaluationView[]): RunView => ({ ...emptyView(), evaluations });
const run = (id: string, evaluations: readonly EvaluationView[], more: Partial<ComparableRun> = {}): ComparableRun => ({
  id,
  config: {},
  sources: ["a", "b", "c"].map((name) => ({ name, uses: ["evaluation"], role: "eval", fingerprint: `f-${name}` })),
  view: viewWith(evaluations),
  batchSize: 32,
  ...more,
});

test("settings that differ are listed by path; names, and what is the same, are not", () => {
  const one = { name: "x", optim: { lr: 1e-3, betas: [0.9, 0.98] }, seed: 0 };
  const two = { name: "y", optim: { lr: 1e-4, betas: [0.9, 0.98] }, seed: 0, loss: { name: "siglip" } };
  expect(configDifferences([one, two])).toEqual([
    { path: "optim.lr", values: [1e-3, 1e-4] },
    { path: "loss.name", values: [undefined, "siglip"] },
  ]);
  expect(configDifferences([one, one])).toEqual([]);
});

test("runs are held against each other where all have seen as many samples, whatever their batch", () => {
  const at = (step: number): EvaluationView => evaluation(step, { a: measured(0.1) }, []);
  const [long, short] = [run("long", [at(0), at(10), at(20), at(30)]), run("short", [at(0), at(5), at(10)], { batchSize: 64 })];
  expect(atEqualSamples([long, short]).map((row) => row?.step)).toEqual([20, 10]);
  expect(atEqualSamples([long, run("none", [])])).toEqual([undefined, undefined]);
});

test("a run that was scored long before is not held against one that learned since, but a tenth apart is equal", () => {
  const at = (step: number): EvaluationView => evaluation(step, { a: measured(0.1) }, []);
  const steps = (...of: readonly ComparableRun[]): readonly (number | undefined)[] => atEqualSamples(of).map((row) => row?.step);
  expect(steps(run("x", [at(0), at(30)]), run("y", [at(0), at(100)]))).toEqual([0, 0]);
  expect(steps(run("x", [at(0), at(95)]), run("y", [at(0), at(50), at(100)]))).toEqual([95, 100]);
  expect(steps(run("x", [at(50)]), run("y", [at(100)]))).toEqual([undefined, undefined]);
});

describe("sets", () => {
  const sets = { a: measured(0.1), b: measured(0.2), c: measured(0.3) };
  const row = evaluation(1, sets, ["a"]);
  test("the same data by the same metric in the same part are compared", () => {
    expect(comparableSets({ run: run("x", [row]), row }, { run: run("y", [row]), row })).toEqual({
      ka: ["a"],
      zs: ["b", "c"],
      refused: [],
    });
  });
  test("other data, another metric and another part are refused by name", () => {
    const other = evaluation(1, { ...sets, b: measured(0.2, "mean_per_class_recall") }, ["a", "c"]);
    const sources = run("x", []).sources.map((source) => (source.name === "a" ? { ...source, fingerprint: "changed" } : source));
    const { ka, zs, refused } = comparableSets({ run: run("x", [row]), row }, { run: run("y", [other], { sources }), row: other });
    expect([ka, zs]).toEqual([[], []]);
    expect(Object.fromEntries(refused.map(({ set, reason }) => [set, reason]))).toEqual({
      a: "its data differ",
      b: "scored by acc1 and by mean_per_class_recall",
      c: "not in the same part of both runs",
    });
  });
});

test("an interval that holds zero is a tie", () => {
  expect(verdictOf({ value: 0.02, interval: [-0.001, 0.04] })).toBe("tie");
  expect(verdictOf({ value: 0.02, interval: [0.001, 0.04] })).toBe("better");
  expect(verdictOf({ value: -0.02, interval: [-0.03, -0.001] })).toBe("worse");
  expect(verdictOf({ value: -0.02 })).toBe("unpaired");
  expect(verdictOf(undefined)).toBe("unpaired");
});

test("runs that were charged in two ways are refused; those whose steps were counted go with any", () => {
  const fair = { id: "a", accounting: "fair" };
  expect(() => refuseAccountings([fair, { id: "b" }, { id: "c", accounting: "fair" }])).not.toThrow();
  expect(() => refuseAccountings([{ id: "b" }, fair, { id: "c", accounting: "published" }])).toThrow(
    expect.objectContaining({ code: "EG-3125", message: expect.stringMatching(/^c is charged by "published", a by "fair":/) as string }),
  );
});

test("the table says how far each run is from the first, and how sure that is", () => {
  const row = evaluation(1, { a: measured(0.1) }, []);
  const changes = { ka: { value: -0.021, interval: [-0.04, -0.002] as const }, zs: undefined };
  const { rows } = scoresTable([
    { id: "x", row, samples: 32 },
    { id: "y", row, samples: 32, changes },
  ]);
  expect(rows[1]).toEqual(["y", 32, "50.0", "60.0", undefined, "−2.1 (−4.0 to −0.2) worse", ""]);
});
