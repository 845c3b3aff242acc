import { expect, test } from "vitest";
import { build, curve, worst } from "../../../test/fixtures/schedules/multipliers.ts";

test("reaches the floor one step after its last", async () => {
  const schedule = await build("cosine");
  const got = curve(schedule, { steps: 1420 });
  expect(got[0]).toBe(1);
  expect(worst([got[1419]], [0.001001])).toBeLessThanOrEqual(5e-7);
  expect(schedule({ task: 0, step: 1420, steps: [1420] })).toBe(0.001);
});
