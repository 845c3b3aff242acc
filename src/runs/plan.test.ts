import { expect, test } from "vitest";
import { type PlanContent, planDifferences, planHash, sealPlan } from "./plan.ts";
import { type RunSpec, readSpec } from "./spec.ts";

const base = "test/fixtures/runs/parity.yaml";
function spec(...set: readonly string[]): RunSpec {
  return readSpec({ files: [base], set, env: {}, cwd: process.cwd(), presets: "presets" }).spec;
}
const engine = {
  threads: 2,
  instructions: "avx512",
  device: "d",
  libtorch: "2.15.0",
  node: "20.20.2",
  kernels: { linear: { fp32: "onednn" } },
};
function content(change: Partial<PlanContent> = {}): PlanContent {
  return {
    spec: spec(),
    model: { arch: "ViT-S-32", digest: "w", parameters: 10, trainable: 10 },
    sources: [{ name: "s", uses: ["update"], role: "adapt", fingerprint: "f" }],
    tasks: [
      { index: 0, steps: 10, concepts: ["s/a"], samples: 24, phases: [{ from: 0, rows: { update: 24, buffer: 0, pretraining: 0 } }] },
    ],
    code: "1",
    engine,
    ...change,
  };
}

test.each([
  ["name=other"],
  ["project=other"],
  ["model.init=./elsewhere.safetensors"],
  ["stream.from=./elsewhere.tsv"],
  ["data.workers=3"],
  ["data.preload=all"],
  ["checkpoint.every=1m"],
  ["checkpoint.keep_last=5"],
])("%s changes no result and so not the hash", (set) => {
  expect(planHash(content({ spec: spec(set) }))).toBe(planHash(content()));
});

test("the allowance of a budget of time stops a run and changes no result; its time and its steps do", () => {
  const timed = (...more: string[]): string =>
    planHash(content({ spec: spec("budget.per_task=null", "budget.total=1h", "budget.step_time=1s", ...more) }));
  expect(timed("budget.allowance=50%")).toBe(timed());
  expect(new Set([timed(), timed("budget.total=2h"), timed("budget.step_time=2s")]).size).toBe(3);
});

test.each([
  ["seed=1", "config", "seed"],
  ["optim.lr=2e-4", "config", "optim.lr"],
  ["model.precision=bf16", "config", "model.precision"],
  ["engine.micro_batch=8", "config", "engine.microBatch"],
  ["data.augment={name: none, x: 1}", "config", "data.augment.x"],
])("%s changes the hash, and the difference names it", (set, aspect, path) => {
  const other = content({ spec: spec(set) });
  expect(planHash(other)).not.toBe(planHash(content()));
  expect(planDifferences(content(), other).map((found) => [found.aspect, found.path])).toEqual([[aspect, path]]);
});

test("data, model, tasks, code and engine each change the hash under their own name", () => {
  const changes: readonly Partial<PlanContent>[] = [
    { sources: [{ name: "s", uses: ["update"], role: "adapt", fingerprint: "g" }] },
    { model: { ...content().model, digest: "x" } },
    { tasks: [...content().tasks, { index: 1, steps: 1, concepts: [], samples: 0, phases: [] }] },
    { code: "2" },
    { engine: { ...engine, kernels: { linear: { fp32: "mkl" } } } },
  ];
  expect(changes.map((change) => planDifferences(content(), content(change)).map(({ aspect, path }) => `${aspect} ${path}`))).toEqual([
    ["data 0.fingerprint"],
    ["model digest"],
    ["tasks 1"],
    ["code "],
    ["engine kernels.linear.fp32"],
  ]);
  expect(new Set(changes.map((change) => planHash(content(change)))).size).toBe(5);
});

test("a sealed plan keeps its hash through JSON", () => {
  const plan = sealPlan(content());
  expect(planHash(JSON.parse(JSON.stringify(plan)) as PlanContent)).toBe(plan.hash);
  expect(plan.hash).toMatch(/^[0-9a-f]{64}$/);
});
