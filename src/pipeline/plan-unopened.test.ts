import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSpec } from "../runs/spec.ts";
import { forecastRun, type RunForecast } from "./plan-run.ts";
import { presetFolder } from "./preset-folder.ts";
import { resolveRun, toPlan } from "./resolve.ts";

const root = mkdtempSync(join(tmpdir(), "eg-unopened-"));
const names = ["EVERGREEN_DATA", "HF_HUB_CACHE"] as const;
const before = names.map((name) => process.env[name]);
beforeAll(() => {
  for (const name of names) process.env[name] = join(root, "none");
});
afterAll(() => {
  names.forEach((name, i) => {
    if (before[i] === undefined) delete process.env[name];
    else process.env[name] = before[i];
  });
  rmSync(root, { recursive: true, force: true });
});

const specOf = (preset: string, ...set: readonly string[]) =>
  readSpec({ files: [join(presetFolder, `${preset}.yaml`)], set, env: {}, cwd: root, presets: presetFolder }).spec;
const forecast = (preset: string, ...set: readonly string[]): Promise<RunForecast> =>
  forecastRun(specOf(preset, ...set), { folder: root, env: {}, runs: root, calibrate: false });
/** Steps of a task, the same for all. */
async function stepsOf(preset: string, tasks: number, ...set: readonly string[]): Promise<number> {
  // One set does where steps alone are asked for: they follow from budget, batch and model.
  const { plan } = await resolveRun(
    specOf(preset, `stream.tasks=${tasks}`, "stream.from=fomo:birdsnap", "eval.suite=auto", ...set),
    root,
    toPlan,
  );
  expect(new Set(plan.tasks.map(({ steps }) => steps)).size).toBe(1);
  expect(plan.tasks.length).toBe(tasks);
  return plan.tasks[0]?.steps ?? 0;
}

const lockedText = ["model.train.text=none", "model.train.logit_scale=false", "loss.clamp_logit_scale=null"];
const published: readonly (readonly [preset: string, title: string, set: readonly string[], steps: Readonly<Record<number, number>>])[] = [
  ["fomo-b16", "full fine-tuning", [], { 20: 1420, 50: 568, 100: 284, 200: 142 }],
  ["fomo-b16", "a locked text tower", lockedText, { 20: 1949, 200: 195 }],
  ["fomo-b16", "a locked image tower", ["model.train.image=none"], { 20: 12_982, 200: 1298 }],
  ["fomo-b16", "lora of rank 4", ["methods=[{name: lora, r: 4}]"], { 20: 1898, 50: 759, 100: 380, 200: 190 }],
  ["fomo-b16", "lora of rank 64", ["methods=[{name: lora, r: 64}]"], { 20: 1891, 200: 189 }],
  ["fomo-b16", "dora of rank 4", ["methods=[{name: dora, r: 4}]"], { 20: 1893, 200: 189 }],
  ["fomo-b16", "vera of rank 64", ["methods=[{name: vera, r: 64}]"], { 20: 1896, 200: 190 }],
  ["fomo-b16", "lnfit", ["methods=[{name: lnfit}]"], { 20: 3179, 50: 1272, 100: 636, 200: 318 }],
  ["fomo-b16", "bitfit", ["methods=[{name: bitfit}]"], { 20: 3179, 200: 318 }],
  ["fomo-b16", "locked-text", ["methods=[{name: locked-text}]"], { 20: 1949, 200: 195 }],
  ["fomo-b16", "locked-image", ["methods=[{name: locked-image}]"], { 20: 12_982, 200: 1298 }],
  ["fomo-b32", "full fine-tuning", [], { 20: 1259, 50: 504, 100: 252, 200: 126 }],
];

/** The published table by presets: steps of a task at 20 tasks. */
const byPreset: Readonly<Record<string, number>> = {
  "locked-text": 1949,
  "locked-image": 12_982,
  lnfit: 3179,
  bitfit: 3179,
  "lora-4": 1898,
  "lora-64": 1891,
  "dora-4": 1893,
  "dora-64": 1886,
  "vera-4": 1898,
  "vera-64": 1896,
  ewc: 14,
  si: 1418,
  "zs-merge": 1420,
  "ft-merge": 1420,
  "ema-merge": 1420,
};
/** Parameters that learn, of ViT-B/16; 149,620,737 where they are all. */
const trained: Readonly<Record<string, number>> = {
  lnfit: 65_536,
  bitfit: 171_008,
  "lora-4": 675_840,
  "lora-64": 10_813_440,
  "dora-4": 737_280,
  "dora-64": 10_874_880,
  "vera-4": 61_824,
  "vera-64": 67_584,
  si: 149_620_737,
};
test.each(Object.entries(byPreset))(
  "preset:method-%s over preset:fomo-b16 has the published %i steps, and as many parameters that learn",
  async (method, steps) => {
    const files = ["fomo-b16", `method-${method}`].map((name) => join(presetFolder, `${name}.yaml`));
    const set = method === "ewc" ? ["budget.accounting={task_ends: published}"] : [];
    const { spec } = readSpec({ files, set, env: {}, cwd: root, presets: presetFolder });
    const { plan } = await resolveRun(spec, root, toPlan);
    expect(new Set(plan.tasks.map((task) => task.steps))).toEqual(new Set([steps]));
    if (trained[method] !== undefined) expect(plan.model.trainable).toBe(trained[method]);
  },
);

test.each([
  ["published", { 20: 14, 50: 6, 100: 3, 200: 1 }],
  ["fair", { 20: 1303, 50: 492, 100: 246, 200: 123 }],
] as const)("EWC charged %s: the pool limits its Fisher batches in the fair charge alone", async (taskEnds, steps) => {
  const files = ["fomo-b16", "method-ewc"].map((name) => join(presetFolder, `${name}.yaml`));
  const found = Object.keys(steps).map(async (tasks) => {
    const set = [`stream.tasks=${tasks}`, `budget.accounting={task_ends: ${taskEnds}}`];
    const { plan } = await resolveRun(readSpec({ files, set, env: {}, cwd: root, presets: presetFolder }).spec, root, toPlan);
    return [tasks, plan.tasks[0]?.steps] as const;
  });
  expect(Object.fromEntries(await Promise.all(found))).toEqual(steps);
});

test("GaLore has no row in the published table, and is not taken for AdamW", async () => {
  const files = ["fomo-b16", "method-galore-16"].map((name) => join(presetFolder, `${name}.yaml`));
  const { spec } = readSpec({ files, set: [], env: {}, cwd: root, presets: presetFolder });
  await expect(resolveRun(spec, root, toPlan)).rejects.toMatchObject({ code: "EG-3121" });
});

for (const [preset, title, set, steps] of published)
  test(`${preset} with ${title} has the published steps at ${Object.keys(steps).join(", ")} tasks`, async () => {
    const found = Object.keys(steps).map(async (tasks) => [tasks, await stepsOf(preset, Number(tasks), ...set)] as const);
    expect(Object.fromEntries(await Promise.all(found))).toEqual(steps);
  });

test("adapters that the table does not know are refused under its memories, and told why", async () => {
  await expect(stepsOf("fomo-b16", 20, "methods=[{name: lora, r: 4, target_modules: [k, v]}]")).rejects.toMatchObject({
    exit: "config",
    message: expect.stringContaining("lora"),
  });
});

test("compute is scaled as published: a quarter and six times the budget", async () => {
  const budgets = [0.25, 6].map((factor) => `budget.total="${1.8 * factor}e9 GMAF"`);
  expect(await Promise.all(budgets.map((budget) => stepsOf("fomo-b16", 20, budget)))).toEqual([355, 8518]);
});

test("without any data or weights the plan has the registry's concepts and samples, and says what it was made without", async () => {
  const plan = await forecast("fomo-b16");
  expect(plan.tasks.map(({ concepts }) => concepts)).toEqual([920, ...Array.from({ length: 19 }, () => 919)]);
  expect(plan.tasks.reduce((sum, { samples }) => sum + samples, 0)).toBe(1_759_790);
  expect(plan.tasks.map(({ steps }) => steps)).toEqual(Array.from({ length: 20 }, () => 1420));
  expect([plan.steps, plan.samples]).toEqual([28_400, 14_540_800]);
  // Every set's test part.
  expect(plan.evaluation).toMatchObject({ times: 21, images: 767_481 });
  expect([plan.without.sets, plan.without.unopened.length]).toEqual([64, 64]);
  expect(plan.without.weights).toContain("laion/CLIP-ViT-B-16-laion2B-s34B-b88K");
  expect(Math.abs(plan.step.unexplained)).toBeLessThan(0.02);
});

test.each(["lora-4", "lora-64", "dora-4", "vera-64"])("the FLOPs of preset:method-%s are explained", async (method) => {
  const files = ["fomo-b16", `method-${method}`].map((name) => join(presetFolder, `${name}.yaml`));
  const set = ["stream.from=fomo:birdsnap", "eval.suite=auto"];
  const { spec } = readSpec({ files, set, env: {}, cwd: root, presets: presetFolder });
  const { step, warnings } = await forecastRun(spec, { folder: root, env: {}, runs: root, calibrate: false });
  expect(Math.abs(step.unexplained)).toBeLessThan(1e-6);
  expect(warnings.join()).not.toContain("not explained");
});

test("the largest model is planned in less than ten seconds", async () => {
  const began = process.cpuUsage();
  const plan = await forecast(
    "fomo-b32",
    "model.arch=ViT-bigG-14",
    "model.init=open_clip:ViT-bigG-14/laion2b_s39b_b160k",
    'budget.total="4.6627e10 GMAF"',
  );
  // The processor's time: other tests may run beside this one.
  const { user, system } = process.cpuUsage(began);
  expect((user + system) / 1e6).toBeLessThan(10);
  expect(plan.model.parameters).toBe(2_539_567_105);
  expect(plan.tasks[0]?.steps).toBe(1420);
});

test("a set that is there is opened beside those that are counted", async () => {
  const data = join(root, "data");
  mkdirSync(join(data, "DTD"), { recursive: true });
  for (const [file, value] of [
    ["DTD/a.jpg", "not read"],
    ["DTD_train.json", { "a.jpg": { target: 0 } }],
    ["DTD_test.json", { "a.jpg": { target: 0 } }],
    ["DTD_classnames.json", ["wavy"]],
  ] as const)
    writeFileSync(join(data, file), typeof value === "string" ? value : JSON.stringify(value));
  const plan = await forecast(
    "fomo-b32",
    `stream.from=fomo:${data}?sets=dtd,cub200`,
    "stream.tasks=2",
    `eval.suite=["fomo:${data}?sets=dtd"]`,
  );
  expect(plan.tasks.reduce((sum, { samples }) => sum + samples, 0)).toBe(5994 + 1);
  expect(plan.without.unopened.map(({ name }) => name)).toEqual(["cub200", "laion-400m"]);
});

test("training without the data is refused: sets, pool and weights are told together, and how they are obtained", async () => {
  await expect(resolveRun(specOf("fomo-b32"), root)).rejects.toMatchObject({
    exit: "data",
    message: expect.stringMatching(
      /41 of 41 data sets are not there whole.*no tar or parquet shards of laion-400m.*open_clip:ViT-B-32/,
    ) as string,
    fix: expect.stringMatching(/evergreen data status.*img2dataset.*hf download/) as string,
  });
});
