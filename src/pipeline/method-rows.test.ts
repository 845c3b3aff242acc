import { expect, test } from "vitest";
import { compose } from "../continual/compose.ts";
import type { RowRole, RunFacts } from "../continual/method.ts";
import { replaying } from "../continual/reservoir.ts";
import type { TaskWork } from "../training/loop.ts";
import { createRandom } from "../util/random.ts";
import { meanAsked } from "./method-rows.ts";

const facts = { random: createRandom(0), batchSize: 8 } as RunFacts;

function work(steps: number, roles: readonly RowRole[]): TaskWork {
  const none = (): readonly [] => [];
  return { steps, rowsAt: none, rolesAt: () => roles, sampleRows: none };
}
const asking = (size: number, uses: readonly string[] = ["replay"]) =>
  compose([{ name: "asks", method: replaying("asks", uses, { size }) }]);

test("a reservoir that fills gives few rows at first: the mean over a run is told, not what a full one gives", () => {
  // Four samples a step are offered, eight asked for: none, 4, then 8 in the eight steps behind.
  expect(meanAsked([work(5, new Array(4).fill("update")), work(5, new Array(4).fill("update"))], asking(100), facts)).toBe(6.8);
});

test("long runs are looked at in evenly spaced steps", () => {
  const tasks = Array.from({ length: 10 }, () => work(1000, ["update"]));
  // Full from step 8 on.
  const mean = meanAsked(tasks, asking(8), facts);
  expect(mean).toBeGreaterThan(8 - 0.01);
  expect(mean).toBeLessThan(8);
});

test("a sample of two draws is one row; without methods that ask there is none", () => {
  const tasks = [work(200, new Array(8).fill("update"))];
  const expected = 8 + 8 - (8 * 8) / 16;
  expect(Math.abs(meanAsked(tasks, asking(16, ["one", "other"]), facts) - expected)).toBeLessThan(0.3);
  expect(meanAsked(tasks, compose([]), facts)).toBe(0);
});
