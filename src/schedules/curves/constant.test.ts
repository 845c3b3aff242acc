import { expect, test } from "vitest";
import { build, curve } from "../../../test/fixtures/schedules/multipliers.ts";

test("is 1 without warm-up and ramps with one", async () => {
  expect(curve(await build("constant"), { steps: 3 })).toEqual([1, 1, 1]);
  expect(curve(await build("constant", { warmup: "2 steps" }), { steps: 3 })).toEqual([0.5, 1, 1]);
});
