import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { writeUnreadRun } from "../../test/fixtures/data/unread-photos.ts";
import { forwardFlops } from "../budget/tower.ts";
import { architecture } from "../models/architecture.ts";
import { readSpec } from "../runs/spec.ts";
import { meanOfBlocks } from "./plan-calibrate.ts";
import { forecastRun, type RunForecast } from "./plan-run.ts";
import { workOf } from "./plan-shape.ts";

const { folder, file } = writeUnreadRun(
  12,
  `stream: {from: "folder:./photos", tasks: 2}
data: {mixture: {update: 0.5, buffer: 0.5}, batch_size: 8}
budget: {per_task: 5 steps}
eval: {suite: none}
`,
);
afterAll(() => rmSync(folder, { recursive: true }));

function forecast(...set: readonly string[]): Promise<RunForecast> {
  const { spec } = readSpec({ files: [file], set, env: {}, cwd: folder, presets: folder });
  return forecastRun(spec, { folder, env: {}, runs: join(folder, "runs"), calibrate: false });
}

test("a plan reads no image and writes nothing; the engine's FLOPs are the closed form and its differences", async () => {
  const plan = await forecast();
  expect(plan.tasks.map(({ concepts, samples, steps, phases }) => [concepts, samples, steps, phases])).toEqual([
    [2, 24, 5, [{ from: 0, rows: { update: 8, buffer: 0, pretraining: 0 } }]],
    [2, 24, 5, [{ from: 0, rows: { update: 4, buffer: 4, pretraining: 0 } }]],
  ]);
  expect(plan.samples).toBe(80);
  expect(Math.abs(plan.step.unexplained)).toBeLessThan(1e-9);
  expect(plan.step.metered).toBeLessThan(plan.step.closedForm ?? 0);
  expect(plan.step.momentBytes).toBe(8 * plan.model.parameters);
  expect(plan.step.peakBytes).toBeGreaterThan(4 * 4 * plan.model.parameters);
  expect(plan.disk.totalBytes).toBe(3 * 12 * plan.model.parameters);
  expect(plan.charge).toBeUndefined();
  expect(plan.warnings).toEqual(["the first task has nothing to replay: the buffer's share goes elsewhere"]);
  expect(readdirSync(folder).sort()).toEqual(["photos", "run.yaml"]);
});

test("state that a method offloads is told as the host's, and counts where the host computes; no multiplier has it", async () => {
  const methods = (options: string): string => `methods=[{name: ewc${options}}]`;
  const metered = ['budget.per_task="200 GMAF"', "budget.accounting.multipliers=metered"];
  const [here, away] = [await forecast(methods(""), ...metered), await forecast(methods(", offload: true"), ...metered)];
  expect(here.memory.hostBytes).toBe(0);
  expect(away.memory.hostBytes).toBe(here.step.stateBytes);
  expect(away.memory.peakBytes).toBe(Math.max(away.step.peakBytes, away.step.between.peakBytes) + away.memory.hostBytes);
  expect(away.step.peakBytes).toBeLessThan(here.step.peakBytes);
  expect(away.charge?.multiplier).toBeLessThan(here.charge?.multiplier ?? 0);
  expect(away.disk).toEqual(here.disk);
});

test("the same MAFs are more steps for a locked image tower, and each is charged what its steps cost", async () => {
  const [whole, locked] = [
    await forecast('budget.per_task="200 GMAF"'),
    await forecast('budget.per_task="200 GMAF"', "model.train.image=none"),
  ];
  expect(locked.steps).toBeGreaterThan(3 * whole.steps);
  expect(whole.charge?.multiplier).toBe(1);
  expect(locked.charge?.multiplier).toBe(0.2551);
  for (const { charge, tasks } of [whole, locked])
    expect(Math.abs((charge?.total ?? 0) - tasks.length * 200e9)).toBeLessThanOrEqual((tasks.length * (charge?.perStep ?? 0)) / 2);
  const metered = await forecast('budget.per_task="200 GMAF"', "model.train.image=none", "budget.accounting.multipliers=metered");
  expect(metered.charge?.multiplier).toBeGreaterThan(0);
  expect(metered.charge?.multiplier).toBeLessThan(1);
});

test("a list of patterns has no closed form and no published memory: it is metered, or refused with that advice", async () => {
  const list = 'model.train.text=["transformer.*"]';
  await expect(forecast(list, 'budget.per_task="200 GFLOP"')).rejects.toMatchObject({ code: "EG-3122" });
  await expect(forecast(list, 'budget.per_task="200 GMAF"', "budget.accounting.steps_from=metered")).rejects.toMatchObject({
    code: "EG-3121",
  });
  expect((await forecast(list, 'budget.per_task="200 GFLOP"', "budget.accounting.steps_from=metered")).steps).toBeGreaterThan(1);
});

test("time is divided by the step's, rounded down", async () => {
  expect((await forecast('budget.per_task="1m"', 'budget.step_time="350ms"')).tasks.map(({ steps }) => steps)).toEqual([171, 171]);
});

test("a step that needs more than the limit is told", async () => {
  expect((await forecast('engine.memory_limit="10 MiB"')).warnings.join()).toContain("the limit is 10.5 MB");
});

test("the error of a mean is that of its blocks: none where they agree", () => {
  expect(meanOfBlocks([1, 3, 1, 3, 1, 3, 1, 3])).toEqual({ stepMs: 2, error: 0 });
  // Means 1, 2, 3, 4: s = 1.29099, t s / 2 / 2.5.
  expect(meanOfBlocks([1, 1, 2, 2, 3, 3, 4, 4]).error).toBeCloseTo((3.182446305 * Math.sqrt(5 / 3)) / 2 / 2.5, 8);
});

const metered = ["budget.per_task=200 GMAF", "budget.accounting={steps_from: metered, multipliers: metered}"];
const withMethod = (name: string, ...set: readonly string[]): Promise<RunForecast> =>
  forecast(...metered, `methods=[{name: ${name}}]`, ...set);

test("a method's own passes are charged: A-GEM's over the replayed half, ER's over a draw as large as the batch", async () => {
  const perStep = async (plan: Promise<RunForecast>): Promise<number> => (await plan).charge?.perStep ?? 0;
  const plain = await perStep(forecast(...metered));
  // A pass of the batch, whose update half alone is learned from, and one of the replayed half.
  expect((await perStep(withMethod("a-gem"))) / plain).toBeGreaterThan(1.45);
  expect((await perStep(withMethod("er"))) / plain).toBeGreaterThan(1.95);
  expect((await perStep(withMethod("er", "methods=[{name: er, draw: 4}]"))) / plain).toBeGreaterThan(1.45);
});

test("memory is held against full fine-tuning by AdamW: SGD and GaLore keep less beside the weights", async () => {
  const multiplier = async (...set: readonly string[]): Promise<number> => (await forecast(...metered, ...set)).charge?.multiplier ?? 0;
  expect(await multiplier()).toBe(1);
  expect(await multiplier("optim={name: sgd, lr: 0.1}")).toBeLessThan(0.97);
  expect(await multiplier("optim={name: galore, r: 4, lr: 1e-3}")).toBeLessThan(0.99);
});

test("charged with every step as published, EWC's Fisher pass leaves it few of them", async () => {
  const steps = async (taskEnds: string): Promise<number> => {
    const accounting = `budget.accounting={steps_from: metered, multipliers: metered, task_ends: ${taskEnds}}`;
    return (await forecast("budget.per_task=2000 GMAF", accounting, "methods=[{name: ewc, max_samples: 24}]")).tasks[0]?.steps ?? 0;
  };
  const [fair, published] = [await steps("fair"), await steps("published")];
  // 24 samples are three batches of Fisher information, each about a step.
  expect(fair / published).toBeGreaterThan(2.5);
  expect(fair / published).toBeLessThan(4.5);
});

test("ZSCL's pass of the reference texts is told as the run's start, and charged once under fair alone", async () => {
  const zscl = async (taskEnds: string): Promise<RunForecast> =>
    forecast(
      "budget={total: 2000 GFLOP}",
      "budget.per_task=null",
      `budget.accounting={steps_from: metered, task_ends: ${taskEnds}}`,
      "data.mixture={update: 0.5, buffer: 0, pretraining: 0.5}",
      "data.pretraining={from: 'folder:./photos'}",
      "methods=[{name: zscl, most_texts: 20}]",
    );
  const [fair, published] = [await zscl("fair"), await zscl("published")];
  const steps = ({ charge, steps: count }: RunForecast): number => (charge?.perStep ?? Number.NaN) * count;
  const text = forwardFlops(workOf(architecture("mini-flux")).text);
  expect(((fair.charge?.total ?? Number.NaN) - steps(fair)) / text).toBeCloseTo(20, 6);
  expect(published.charge?.total).toBe(steps(published));
  // What the pool's captions really take: there are four, and they do not fill the context.
  expect(fair.startFlops).toBe(published.startFlops);
  expect(fair.startFlops).toBeGreaterThan(0);
  expect(fair.startFlops).toBeLessThan(4 * text);
});

test("a learned tensor that no step uses is a warning, by its name", async () => {
  mkdirSync(join(folder, "parts/methods"), { recursive: true });
  writeFileSync(
    join(folder, "parts/methods/idle-adapter.mjs"),
    `import { defineMethod, ops, z } from "evergreen";
    const name = "adapter.visual.transformer.resblocks.0.attn.out_proj.weight.lora_A";
    export default defineMethod({
      summary: "An adapter beside nothing.",
      options: z.strictObject({}),
      build: () => ({ adapt: ({ weights }) => ({ weights: new Map([[name, ops.zeros([2, 2], "float32", weights.get("logit_scale").device)]]), sites: new Map() }) }),
    });`,
  );
  const [idle, plain] = [await forecast("plugins=[./parts]", "methods=[{name: idle-adapter}]"), await forecast()];
  expect(idle.step.metered).toBe(plain.step.metered);
  expect(idle.warnings.join()).toContain("no step uses adapter.visual.transformer.resblocks.0.attn.out_proj.weight.lora_A:");
  expect(plain.warnings.join()).not.toContain("no step uses");
  rmSync(join(folder, "parts"), { recursive: true });
});
