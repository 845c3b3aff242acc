import { expect, test } from "vitest";
import { build, curve, worst } from "../../../test/fixtures/schedules/multipliers.ts";

test("warms up to the value its own curve has at the end of the warm-up", async () => {
  const schedule = await build("cd-rsqrt");
  const match = await build("peaks-match");
  for (let steps = 2; steps <= 200; steps++)
    for (const task of [1, 4]) {
      const got = curve(schedule, { steps, task });
      const warmup = Math.ceil(steps / 10 - 1e-9);
      expect(got[warmup - 1], `S ${steps}, t ${task}`).toBe(curve(match, { steps, task })[warmup - 1]);
      if (steps > 2 * warmup) expect(got[warmup], `S ${steps}, t ${task}`).toBe(got[warmup - 1]);
    }
});
test("decays on over the decaying steps of unequal tasks", async () => {
  const got = curve(await build("cd-rsqrt", { warmup: 2, cooldown: 3, floor: 0 }), { steps: [10, 9], task: 1 });
  expect(worst(got.slice(0, 5), [0.5 * Math.sqrt(2 / 7), ...[2, 2, 3, 4].map((s) => Math.sqrt(2 / (s + 5)))])).toBeLessThanOrEqual(1e-15);
});
