import { expect, test } from "vitest";
import { build, curve, worst } from "../../../test/fixtures/schedules/multipliers.ts";

const peaks = async (options: object, steps: number, tasks: readonly number[]): Promise<number[]> => {
  const schedule = await build("ar-rsqrt", options);
  return tasks.map((task) => Math.max(...curve(schedule, { steps, task: task - 1 })));
};

test("peaks of tasks 1 to 20 at 1,420 steps", async () => {
  const want = [1, 0.426975, 0.378587, 0.359851, 0.349866, 0.332165, 0.326838, 0.324269];
  expect(worst(await peaks({}, 1420, [1, 2, 3, 4, 5, 10, 15, 20]), want)).toBeLessThanOrEqual(5e-7);
  const raw = [0.426401, 0.377964, 0.349215, 0.331497, 0.323592];
  expect(worst(await peaks({ floor: 0 }, 1420, [2, 3, 5, 10, 20]), raw)).toBeLessThanOrEqual(5e-7);
});
test.each([
  [568, 0.4277, 0.3248, 0.3182],
  [284, 0.431, 0.3276, 0.321],
  [142, 0.4377, 0.3332, 0.3264],
  [14, 0.5005, 0.3869, 0.3794],
])("peaks of tasks 2, 20 and 200 at %i steps", async (steps, ...want) => {
  expect(worst(await peaks({}, steps, [2, 20, 200]), want)).toBeLessThanOrEqual(5e-5);
});
test("peaks level off above √0.1", async () => {
  for (const steps of [10, 140, 1420]) for (const got of await peaks({}, steps, [2, 10, 100, 400])) expect(got).toBeGreaterThan(0.316);
});
test("unequal tasks count warm-ups and steps of those before them", async () => {
  const got = curve(await build("ar-rsqrt", { warmup: 2, floor: 0 }), { steps: [6, 12], task: 1 });
  expect(worst([got[1]], [Math.sqrt(4 / 8)])).toBeLessThanOrEqual(1e-15);
});
