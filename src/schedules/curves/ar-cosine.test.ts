import { expect, test } from "vitest";
import { build, curve, worst } from "../../../test/fixtures/schedules/multipliers.ts";

const peaks = async (options: object, steps: number, tasks: readonly number[]): Promise<number[]> => {
  const schedule = await build("ar-cosine", options);
  return tasks.map((task) => Math.max(...curve(schedule, { steps, task: task - 1 })));
};

test("peaks of tasks 1 to 20 at 1,420 steps are those of the published code", async () => {
  const want = [1, 0.499886, 0.250396, 0.147083, 0.096252, 0.025409, 0.011898, 0.00714];
  expect(worst(await peaks({}, 1420, [1, 2, 3, 4, 5, 10, 15, 20]), want)).toBeLessThanOrEqual(5e-7);
});
test("peak equation gives equation 3 with one task's warm-up", async () => {
  const want = [1, 0.459252, 0.220187, 0.126619, 0.081875, 0.021233, 0.009966, 0.006033];
  expect(worst(await peaks({ peak: "equation" }, 1420, [1, 2, 3, 4, 5, 10, 15, 20]), want)).toBeLessThanOrEqual(5e-7);
});
test.each([
  [568, 0.498965, 0.007126, 0.001061],
  [284, 0.497423, 0.007102, 0.001061],
  [142, 0.494322, 0.007053, 0.001061],
  [14, 0.435302, 0.006169, 0.001052],
])("peaks of tasks 2, 20 and 200 at %i steps", async (steps, ...want) => {
  expect(worst(await peaks({}, steps, [2, 20, 200]), want)).toBeLessThanOrEqual(5e-7);
});
test("tasks of one step take the limit ½(1 + cos πt/(t + 1))", async () => {
  const got = await peaks({ floor: 0 }, 1, [1, 2, 3]);
  expect(worst(got, [1, 0.5, 0.25])).toBeLessThanOrEqual(1e-15);
});
test("unequal tasks count the decaying steps of those before them", async () => {
  const got = curve(await build("ar-cosine", { warmup: 2, floor: 0 }), { steps: [6, 12], task: 1 });
  expect(worst([got[1]], [(1 + Math.cos((Math.PI * 5) / 14)) / 2])).toBeLessThanOrEqual(1e-15);
});
