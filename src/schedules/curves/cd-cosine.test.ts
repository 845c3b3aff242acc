import { expect, test } from "vitest";
import { build, curve, worst } from "../../../test/fixtures/schedules/multipliers.ts";

test("the curve meets the peak at the end of the warm-up for every length", async () => {
  const schedule = await build("cd-cosine", { floor: 0 });
  for (let steps = 2; steps <= 200; steps++)
    for (const task of [1, 4]) {
      const got = curve(schedule, { steps, task });
      const warmup = Math.ceil(steps / 10 - 1e-9);
      expect(got[warmup], `S ${steps}, t ${task}`).toBe(got[warmup - 1]);
    }
});
test("tasks of unequal length go on along one cosine", async () => {
  const steps = [6, 12, 5];
  const schedule = await build("cd-cosine", { warmup: 2, floor: 0 });
  const got = curve(schedule, { steps, task: 2 });
  const want = [1, 2, 3].map((s) => (1 + Math.cos((Math.PI * (14 + s)) / 17)) / 2);
  expect(worst(got.slice(2), want)).toBeLessThanOrEqual(1e-15);
});
