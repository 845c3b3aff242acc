import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { writeUnreadRun } from "../../test/fixtures/data/unread-photos.ts";
import type { RunSpending } from "../report/budget-figure.ts";
import { readSpec } from "../runs/spec.ts";
import { type EvaluationView, emptyView, type RunView } from "../runs/view.ts";
import { forecastRun } from "./plan-run.ts";
import { resolveRun, toPlan } from "./resolve.ts";
import { spendingOfRun } from "./run-spending.ts";

const { folder, file } = writeUnreadRun(
  12,
  `stream: {from: "folder:./photos?test=0.25", tasks: 2}
data: {mixture: {update: 0.5, buffer: 0.5}, batch_size: 8}
budget: {per_task: 5 steps}
eval: {during: {inside: [2, 5, 9]}}
`,
);
afterAll(() => rmSync(folder, { recursive: true }));
const specOf = (set: readonly string[]) => readSpec({ files: [file], set, env: {}, cwd: folder, presets: folder }).spec;

/** A run that has done its first task and two steps of the second one. */
async function spending(...set: readonly string[]): Promise<RunSpending> {
  const spec = specOf(set);
  const { plan } = await resolveRun(spec, folder, toPlan);
  const row = (task: number, step: number, state: EvaluationView["state"]): EvaluationView => ({ task, step, state, cells: {} });
  const steps = plan.tasks.map((task) => task.steps);
  const view: RunView = {
    ...emptyView(plan),
    tasks: plan.tasks.map((task, index) => ({
      index,
      steps: task.steps,
      done: index === 0 ? task.steps : 2,
      state: index === 0 ? "done" : "running",
    })),
    evaluations: [row(-1, 0, "live"), row(0, 2, "inside"), row(0, steps[0] ?? 0, "live")],
  };
  return spendingOfRun(spec, folder, { plan: { ...plan, format: "evergreen-plan/1" }, view });
}

const forecast = (...set: readonly string[]) => forecastRun(specOf(set), { folder, env: {}, runs: folder, calibrate: false });

test("counted budgets are told at the meter's price, what lies beside them on top; planned evaluations are those of the plan", async () => {
  const ewc = "methods=[{name: ewc, max_samples: 16}]";
  const [found, plan] = [await spending(ewc), await forecast(ewc)];
  const step = plan.step.metered;
  expect(found.tasks.map(({ steps }) => [steps.planned / step, steps.spent / step])).toEqual([
    [expect.closeTo(5, 9), expect.closeTo(5, 9)],
    [expect.closeTo(5, 9), expect.closeTo(2, 9)],
  ]);
  const ends = found.tasks.reduce((sum, { beside }) => sum + beside.planned, 0);
  expect(ends).toBeGreaterThan(0);
  expect(ends / plan.taskEnds.flops).toBeCloseTo(1, 9);
  expect(found.tasks.map(({ beside }) => beside.spent)).toEqual([found.tasks[0]?.beside.planned, 0]);
  expect(found.budget / (10 * step + ends)).toBeCloseTo(1, 9);
  expect(found.given).toBe("5 steps a task, and what lies beside steps");
  // Before, after two tasks, and inside of each after its second step; its fifth is its last, it has no ninth.
  expect(plan.evaluation).toMatchObject({ times: 5, images: expect.any(Number) as number });
  const { images } = plan.evaluation;
  expect(images).toBeGreaterThan(0);
  const image = plan.evaluation.flops / (5 * images);
  const shares = [found.before, ...found.tasks.map(({ evaluation }) => evaluation)];
  expect(shares.map(({ planned, spent }) => [planned / image, spent / image])).toEqual([
    [expect.closeTo(images, 6), expect.closeTo(images, 6)],
    [expect.closeTo(2 * images, 6), expect.closeTo(2 * images, 6)],
    [expect.closeTo(2 * images, 6), 0],
  ]);
}, 30_000);

test("a budget of MAFs is told in FLOPs at the method's memory: both sides of the line agree with what the plan charges", async () => {
  const set = ['budget.per_task="200 GMAF"', "model.train.image=none"];
  const [found, plan] = [await spending(...set), await forecast(...set)];
  expect(found.multiplier).toBe(0.2551);
  expect((found.budget * 0.2551) / 400e9).toBeCloseTo(1, 12);
  const planned = found.tasks.reduce((sum, { steps, beside }) => sum + steps.planned + beside.planned, 0);
  expect((planned * 0.2551) / (plan.charge?.total ?? Number.NaN)).toBeCloseTo(1, 12);
  expect(found.given).toBe("200.0 GMAF a task, products in closed form, published memory, what lies beside steps once");
}, 30_000);

test("a budget of time allows what its milliseconds give at the time of a step", async () => {
  const found = await spending('budget.total="3s"', "budget.per_task=null", "budget.step_time=700ms");
  const step = (found.tasks[0]?.steps.planned ?? Number.NaN) / 2;
  expect(found.budget / step).toBeCloseTo(3000 / 700, 9);
  expect(found.given).toBe("3.0s");
}, 30_000);

test("an evaluation of several models as one is planned and spent as that many forward passes, in the plan as in the figure", async () => {
  const several = "methods=[{name: lora-per-task, deploy: max-logit}]";
  const [one, found, plan, before] = [await spending(), await spending(several), await forecast(several), await forecast()];
  const image = before.evaluation.flops / (5 * before.evaluation.images);
  const { images } = before.evaluation;
  expect(plan.evaluation).toMatchObject({ times: 5, images });
  // Before; after the first task, one; after the second, two; inside of each, what is in training.
  expect(plan.evaluation.flops / image).toBeCloseTo(6 * images, 6);
  expect(found.before).toEqual(one.before);
  expect(found.tasks.map(({ evaluation }) => evaluation.planned / image)).toEqual([
    expect.closeTo(2 * images, 6),
    expect.closeTo(3 * images, 6),
  ]);
  expect(found.tasks[0]?.evaluation).toEqual(one.tasks[0]?.evaluation);
  expect(plan.disk.expertBytes).toBe(2 * 4 * plan.model.parameters);
  expect(plan.disk.totalBytes - plan.disk.expertBytes).toBeGreaterThan(0);
}, 30_000);
