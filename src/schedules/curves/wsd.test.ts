import { expect, test } from "vitest";
import { build, curve } from "../../../test/fixtures/schedules/multipliers.ts";

test("cool-down of any shape ends at the floor, and the plateau is 1", async () => {
  for (const fall of ["linear", "cosine", "sqrt"]) {
    const got = curve(await build("wsd", { fall, warmup: 2, cooldown: 4 }), { steps: 12 });
    expect(new Set(got.slice(1, 8)), fall).toEqual(new Set([1]));
    expect(got.at(-1), fall).toBe(0.001);
  }
});
test("warm-up goes before a cool-down that overlaps it", async () => {
  expect(curve(await build("wsd", { warmup: 3, cooldown: 4, floor: 0 }), { steps: 4 })).toEqual([1 / 3, 2 / 3, 1, 0]);
});
