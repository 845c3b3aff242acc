import { expect, test } from "vitest";
import { build, curve, worst } from "../../../test/fixtures/schedules/multipliers.ts";

test("peaks of tasks 1 to 20 at 1,420 steps", async () => {
  const schedule = await build("peaks-match");
  const got = [1, 2, 3, 4, 5, 10, 15, 20].map((task) => Math.max(...curve(schedule, { steps: 1420, task: task - 1 })));
  expect(worst(got, [1, 0.334, 0.243293, 0.2008, 0.174904, 0.117924, 0.094978, 0.081764])).toBeLessThanOrEqual(5e-7);
});
test("a task's peak is where the decay of the one before ended, for unequal tasks too", async () => {
  const steps = [40, 20];
  const schedule = await build("peaks-match", { warmup: 2, cooldown: 0, floor: 0 });
  expect(worst([curve(schedule, { steps, task: 1 })[1]], [Math.sqrt(2 / 40)])).toBeLessThanOrEqual(1e-15);
});
