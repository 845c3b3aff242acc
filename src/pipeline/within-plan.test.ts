import fc from "fast-check";
import { expect, test } from "vitest";
import { assertWithinPlan, BudgetPassedError } from "./within-plan.ts";

const tasks = (...steps: readonly number[]) => steps.map((count) => ({ steps: count }));

test("a run that follows its plan is within it at every step, and ends at exactly what it promises", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }), (steps) => {
      let applied = 0;
      assertWithinPlan(tasks(...steps), { applied, task: -1, step: 0 });
      steps.forEach((count, task) => {
        for (let step = 0; step <= count; step++) assertWithinPlan(tasks(...steps), { applied: applied + step, task, step });
        applied += count;
      });
      expect(() => assertWithinPlan(tasks(...steps), { applied: applied + 1, task: steps.length, step: 0 })).toThrow(BudgetPassedError);
    }),
  );
});

test("a plan that shrank behind the run is passed, one that grew is not", () => {
  const done = { applied: 6, task: 1, step: 2 };
  assertWithinPlan(tasks(4, 4, 4), done);
  assertWithinPlan(tasks(5, 5, 5), done);
  expect(() => assertWithinPlan(tasks(3, 3, 3), done)).toThrow("budget: 6 steps are done and 4 are left, 10 where the plan has 9");
  // More was done in the task than it has now.
  expect(() => assertWithinPlan(tasks(4, 1), done)).toThrow("6 steps are done and 0 are left, 6 where the plan has 5");
});
