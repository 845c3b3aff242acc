import { expect, test } from "vitest";
import { stepsPerTask } from "./steps.ts";

test("samples become whole steps, a run's total is dealt out evenly", () => {
  expect(stepsPerTask({ scope: "task", unit: "samples", total: 727_040 }, { batchSize: 512, tasks: 20 })).toBe(1420);
  expect(stepsPerTask({ scope: "run", unit: "samples", total: 14_540_800 }, { batchSize: 512, tasks: 20 })).toBe(1420);
  expect(stepsPerTask({ scope: "task", unit: "steps", total: 10 }, { batchSize: 24, tasks: 1 })).toBe(10);
  expect(stepsPerTask({ scope: "run", unit: "steps", total: 10 }, { batchSize: 24, tasks: 3 })).toBe(3);
  expect(stepsPerTask({ scope: "task", unit: "samples", total: 1023 }, { batchSize: 512, tasks: 2 })).toBe(1);
});

test("a budget below one step a task is refused", () => {
  expect(() => stepsPerTask({ scope: "task", unit: "samples", total: 511 }, { batchSize: 512, tasks: 1 })).toThrow(
    /511 samples per task give no step of 512/,
  );
  expect(() => stepsPerTask({ scope: "run", unit: "steps", total: 2 }, { batchSize: 512, tasks: 3 })).toThrow(/2 steps over 3 tasks/);
});
