import fc from "fast-check";
import { expect, test } from "vitest";
import type { BudgetSpec } from "../runs/spec.ts";
import { TrainingClock } from "./training-clock.ts";

const budget = (scope: BudgetSpec["scope"], total: number, allowance = 0.1): BudgetSpec => ({
  ...{ scope, unit: "time", total, allowance, stepMs: 100 },
});
const tasks = [{ steps: 3 }, { steps: 3 }];
const step = (number: number, batchMs: number) => ({ task: number <= 3 ? 0 : 1, step: number, timing: { batchMs, dataMs: 0 } });
/** After which steps the clock is over, and after which a task that ended may not go on to the next. */
function stops(of: BudgetSpec, times: readonly number[]): readonly (readonly [number, string])[] {
  const clock = new TrainingClock(of, tasks);
  return times.flatMap((batchMs, i): readonly (readonly [number, string])[] => {
    clock.take(step(i + 1, batchMs));
    if (clock.isOver) return [[i + 1, "inside"]];
    try {
      clock.assertNotOver();
      return [];
    } catch (error) {
      return [[i + 1, error instanceof Error ? error.message : ""]];
    }
  });
}

test("a run is over when its steps have passed budget and allowance, at the next border between steps or tasks, never at its end", () => {
  expect(stops(budget("run", 600), [100, 100, 100, 100, 100, 160])).toEqual([]);
  // 660 ms are just allowed; the last step is never refused its end.
  expect(stops(budget("run", 600), [110, 110, 110, 110, 220, 110])).toEqual([]);
  expect(stops(budget("run", 600), [110, 110, 110, 110, 221, 110])).toEqual([[5, "inside"]]);
  expect(stops(budget("run", 600), [300, 300, 61, 1, 1, 1])).toEqual([
    [3, "budget: 0.7s were spent on steps of 0.6s and 10 % more; 3 of 6 steps are made and saved"],
    [4, "inside"],
    [5, "inside"],
  ]);
});

test("a task has its own time: what one passes the next one does not pay for, and its last step is not one too many", () => {
  expect(stops(budget("task", 300), [100, 100, 500, 100, 100, 100])).toEqual([]);
  expect(stops(budget("task", 300), [100, 240, 1, 340, 1, 1])).toEqual([
    [2, "inside"],
    [4, "inside"],
    [5, "inside"],
  ]);
});

test("budgets that are no time are never over", () => {
  const clock = new TrainingClock({ scope: "run", unit: "steps", total: 1 }, tasks, [step(1, 1e12)]);
  expect(clock.isOver).toBe(false);
  clock.assertNotOver();
});

test("a clock that hears of earlier steps first says what one that heard all of them says", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 6 }), fc.nat(6), (times, cut) => {
      for (const scope of ["run", "task"] as const) {
        const all = times.map((ms, i) => step(i + 1, ms));
        const whole = new TrainingClock(budget(scope, 400), tasks, all);
        const resumed = new TrainingClock(budget(scope, 400), tasks, all.slice(0, cut));
        for (const each of all.slice(cut)) resumed.take(each);
        expect(resumed.isOver).toBe(whole.isOver);
      }
    }),
  );
});
