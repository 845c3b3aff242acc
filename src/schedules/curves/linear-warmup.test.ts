import { expect, test } from "vitest";
import { build, curve, worst } from "../../../test/fixtures/schedules/multipliers.ts";

test("ramps, then falls by equal steps to the floor", async () => {
  const got = curve(await build("linear-warmup", { warmup: 2, floor: 0.2 }), { steps: 6 });
  expect(worst(got, [0.5, 1, 0.8, 0.6, 0.4, 0.2])).toBeLessThanOrEqual(1e-15);
});
