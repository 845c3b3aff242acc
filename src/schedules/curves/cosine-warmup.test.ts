import { expect, test } from "vitest";
import { build, curve, worst } from "../../../test/fixtures/schedules/multipliers.ts";

test("takes no division by zero without warm-up, and a count that exceeds the task", async () => {
  expect(curve(await build("cosine-warmup", { warmup: 0 }), { steps: 1 })).toEqual([0.001]);
  expect(curve(await build("cosine-warmup", { warmup: 2 }), { steps: 1 })).toEqual([0.5]);
});
test("form equation gives the printed values at 1,420 steps", async () => {
  const got = curve(await build("cosine-warmup", { form: "equation" }), { steps: 1420 });
  expect(worst([got[0], got[141], got[142], got[1419]], [0.001, 0.992965, 1, 0.001002])).toBeLessThanOrEqual(5e-7);
});
test("a whole product of share and steps is not rounded up", async () => {
  const got = curve(await build("cosine-warmup", { warmup: "7%" }), { steps: 100 });
  expect([got[5], got[6]]).toEqual([6 / 7, 1]);
  expect(got[7]).toBeLessThan(1);
});
test("restarts in every task and follows each task's own steps", async () => {
  const schedule = await build("cosine-warmup");
  expect(curve(schedule, { steps: [3, 10], task: 1 })).toEqual(curve(schedule, { steps: 10 }));
});
