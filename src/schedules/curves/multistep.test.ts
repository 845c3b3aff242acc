import { expect, test } from "vitest";
import { build, curve, worst } from "../../../test/fixtures/schedules/multipliers.ts";

test("falls tenfold after 175,000 and 225,000 samples of each task: steps 341 and 439 at a batch of 512", async () => {
  const schedule = await build("multistep");
  for (const task of [0, 2]) {
    const got = curve(schedule, { steps: 500, task });
    expect(new Set(got.slice(0, 341))).toEqual(new Set([1]));
    expect(new Set(got.slice(341, 439))).toEqual(new Set([0.1]));
    expect(
      worst(
        got.slice(439),
        got.slice(439).map(() => 0.01),
      ),
    ).toBeLessThanOrEqual(1e-17);
  }
});
test("takes milestones and a factor of its own", async () => {
  expect(curve(await build("multistep", { milestones: [600, 1024], factor: 0.5 }), { steps: 3 })).toEqual([1, 0.5, 0.25]);
});
