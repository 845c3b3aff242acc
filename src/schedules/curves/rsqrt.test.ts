import { expect, test } from "vitest";
import { build, curve, worst } from "../../../test/fixtures/schedules/multipliers.ts";

test("coolFrom frozen without a floor is the published equation 2 from the end of the warm-up on", async () => {
  const got = curve(await build("rsqrt", { warmup: 4, cooldown: 5, floor: 0, coolFrom: "frozen" }), { steps: 20 });
  const kept = Math.sqrt(4 / 15);
  expect(worst(got.slice(14), [Math.sqrt(4 / 14), ...[4, 3, 2, 1, 0].map((left) => (kept * left) / 5)])).toBeLessThanOrEqual(1e-15);
});
test("endAt live learns at its last step, endAt zero does not", async () => {
  const live = curve(await build("rsqrt", { cooldown: 4, endAt: "live" }), { steps: 40 });
  const zero = curve(await build("rsqrt", { cooldown: 4 }), { steps: 40 });
  expect([live.at(-1) === 0, zero.at(-1) === 0]).toEqual([false, true]);
  expect(live.slice(0, 36)).toEqual(zero.slice(0, 36));
  expect(
    worst(
      live.slice(36),
      zero.slice(36).map((_, i) => ((zero[36] ?? 0) / 0.75) * ((4 - i) / 5)),
    ),
  ).toBeLessThan(0.01);
});
test("no step of the decay jumps by the printed equation's factor of √2", async () => {
  const got = curve(await build("rsqrt"), { steps: 1420 });
  expect([got[141], got[142]]).toEqual([1, 1]);
});
