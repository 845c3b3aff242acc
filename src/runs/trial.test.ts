import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import type { StoredEvent } from "./event.ts";
import type { Measurement } from "./measurement.ts";
import type { StoredPlan } from "./run-reader.ts";
import { readTrial, type TrialOutcomes, trialResult, trialText } from "./trial.ts";
import { viewOf } from "./view.ts";

const folder = mkdtempSync(join(tmpdir(), "trial-"));
afterAll(() => rmSync(folder, { recursive: true }));

const share = (metric: string, value: number, samples: number): Measurement => ({ metric, value, unit: "share", samples });
const events = (
  [
    ["live", -1, 0, 0.1],
    ["inside", 0, 1, 0.12345678],
    ["live", 0, 2, 1 / 3],
  ] as const
).map(
  ([state, task, step, ka]): StoredEvent => ({
    t: 0,
    type: "scored",
    task,
    step,
    state,
    scores: { ka: share("ka", ka, 30), zs: share("zs", 0.5, 12), kaSets: ["a"], zsSets: ["e"] },
  }),
);
const plan = {
  hash: "p",
  code: "v",
  model: { arch: "a", digest: "d", parameters: 1, trainable: 1 },
  sources: [],
  tasks: [{ index: 0, steps: 2, concepts: [], samples: 1, phases: [] }],
  engine: { threads: 1, instructions: "i", device: "d", libtorch: "l", node: "n", kernels: {} },
} as unknown as StoredPlan;
const outcomes: TrialOutcomes = { sets: { a: { part: "ka", digest: "d", items: 1 } }, last: { a: "AQ==" } };

test("a result keeps the ends, the points in the midst of tasks and the outcomes, a line each, and reads as it was written", () => {
  const view = viewOf(events, plan);
  const rows = view.evaluations.filter(({ state }) => state === "live");
  const result = trialResult(
    { sweep: "s", trial: { id: "t", labels: { seed: "0" }, set: [] }, config: "c" },
    { plan, view, rows, outcomes },
  );
  expect(result.evaluations.map(({ task, items, ka }) => [task, items, ka?.value])).toEqual([
    [-1, 42, 0.1],
    [0, 42, 0.33333],
  ]);
  expect(result.inside).toEqual([{ task: 0, step: 1, items: 42, ka: 0.12346, zs: 0.5 }]);
  const file = join(folder, "t.json");
  writeFileSync(file, trialText(result));
  expect(readTrial(file)).toEqual({ format: "trial/2", ...result });
  const lines = trialText(result).split("\n");
  expect(lines.filter((line) => line.startsWith('    {"task":'))).toHaveLength(3);
  expect(lines).toContain('    "last": {"a":"AQ=="}');
});

test("results of the first format are read: they have no outcomes", () => {
  const old = fileURLToPath(new URL("../../docs/results/orderings/random-seed-0.json", import.meta.url));
  const result = readTrial(old);
  expect(result?.outcomes).toBeUndefined();
  expect(result?.evaluations.length).toBeGreaterThan(1);
  expect(readTrial(join(folder, "none.json"))).toBeUndefined();
});
