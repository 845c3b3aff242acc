import fc from "fast-check";
import { expect, test } from "vitest";
import { batchesOfPool, chargedTotal, stepsPerTask } from "./steps.ts";

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

const price = { runStart: 0, perTask: 0, perStep: 10, strict: false };
const at = { batchSize: 512, tasks: 4 };

test("a priced budget gives the nearest whole number of steps; strict ones and those with work beside the steps the one below", () => {
  expect(stepsPerTask({ scope: "run", unit: "mafs", total: 398 }, { ...at, price })).toBe(10);
  expect(stepsPerTask({ scope: "run", unit: "mafs", total: 398 }, { ...at, price: { ...price, strict: true } })).toBe(9);
  expect(stepsPerTask({ scope: "task", unit: "flops", total: 97 }, { ...at, price })).toBe(10);
  expect(stepsPerTask({ scope: "task", unit: "mafs", total: 97 }, { ...at, price: { ...price, perTask: 8 } })).toBe(8);
  expect(stepsPerTask({ scope: "run", unit: "mafs", total: 440 }, { ...at, price: { ...price, runStart: 40 } })).toBe(10);
  expect(stepsPerTask({ scope: "task", unit: "time", total: 60_000 }, { ...at, price: { ...price, perStep: 350, strict: true } })).toBe(
    171,
  );
});

test("a strict plan never passes its budget, another by at most half a step a task", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.double({ min: 1, max: 1e15, noNaN: true }),
      fc.double({ min: 1, max: 1e5, noNaN: true }),
      fc.boolean(),
      (tasks, perStep, steps, strict) => {
        const total = perStep * steps * tasks;
        const given = { ...price, perStep, strict };
        const each = stepsPerTask({ scope: "run", unit: "mafs", total }, { batchSize: 1, tasks, price: given });
        const charged = chargedTotal(
          Array.from({ length: tasks }, () => each),
          given,
        );
        expect(charged).toBeLessThanOrEqual((strict ? total : total + (tasks * perStep) / 2) * (1 + 1e-12));
      },
    ),
  );
});

test.each([
  [10, 53313.65904027622, 1],
  [7, 0.1, 3],
])("a strict budget of whole steps gives them: %d tasks, %d a step, %d steps", (tasks, perStep, steps) => {
  const of = { batchSize: 1, tasks, price: { ...price, perStep, strict: true } };
  expect(stepsPerTask({ scope: "run", unit: "mafs", total: perStep * steps * tasks }, of)).toBe(steps);
});

test("too little is refused with the least that would do", () => {
  const refused = (total: number): unknown => {
    try {
      return stepsPerTask(
        { scope: "run", unit: "mafs", total },
        { batchSize: 1, tasks: 20, price: { ...price, perTask: 98e9, perStep: 1e9 } },
      );
    } catch (error) {
      return error;
    }
  };
  expect(refused(1e9)).toMatchObject({ code: "EG-3120", fix: "the smallest that gives every task a step: 1980 GMAF" });
  expect(refused(1980e9)).toBe(1);
});

test("a pool gives no more batches than it has", () => {
  expect(batchesOfPool(98, 171.9 * 512, 512)).toBe(98);
  expect(batchesOfPool(98, 68.7 * 512, 512)).toBe(68);
});
