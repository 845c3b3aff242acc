import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkCourse, courseText, largestShares, type MixtureCourse, mixturesOf } from "./course.ts";
import { MixtureError, splitBatch } from "./mixture.ts";
import { rowsAt, rowsBefore } from "./positions.ts";
import { mixturePresets } from "./presets.ts";

const half = { update: 0.5, buffer: 0.5, pretraining: 0 };
/** Replay in the last quarter of a task alone; from the third task on the reference mixture. */
const course: MixtureCourse = [
  { task: 0, from: 0, shares: mixturePresets["update-only"] },
  { task: 0, from: 0.75, shares: half },
  { task: 2, from: 0, shares: mixturePresets.reference },
];

describe("the phases of a task", () => {
  test("begin at their share of its steps, rounded up, or at their step", () => {
    expect(mixturesOf(course, { task: 1, steps: 10 })).toEqual([
      { from: 0, shares: mixturePresets["update-only"] },
      { from: 8, shares: half },
    ]);
    const counted: MixtureCourse = [course[0], { task: 0, from: 3, shares: half }].flatMap((phase) => phase ?? []);
    expect(mixturesOf(counted, { task: 4, steps: 10 }).map(({ from }) => from)).toEqual([0, 3]);
  });
  test("are those of the last entry that is not after the task", () => {
    for (const task of [2, 3, 199])
      expect(mixturesOf(course, { task, steps: 10 })).toEqual([{ from: 0, shares: mixturePresets.reference }]);
  });
  test("without a step are refused, and so are tasks that never come", () => {
    expect(() => mixturesOf(course, { task: 0, steps: 1 })).toThrow(
      "mixture: task 1 has 1 steps: the phase that begins at step 1 ends before step 1",
    );
    const close: MixtureCourse = [...course.slice(0, 2), { task: 0, from: 0.8, shares: mixturePresets.iidify }];
    expect(() => mixturesOf(close, { task: 0, steps: 4 })).toThrow(MixtureError);
    expect(() => checkCourse(course, 2)).toThrow("a phase holds from task 3 on, the stream has 2");
    checkCourse(course, 3);
  });
});

test("a source is never opened where every phase gives it 0", () => {
  expect(largestShares(course)).toEqual({ update: 1, buffer: 0.5, pretraining: 0.33 });
  expect(largestShares(course.slice(0, 2))).toEqual({ update: 1, buffer: 0.5, pretraining: 0 });
});

test("a course says itself in words", () => {
  expect(courseText(course)).toBe(
    "update 100 %; from 75 % of a task update 50 %, buffer 50 %; from task 3 on update 34 %, buffer 33 %, pretraining 33 %",
  );
});

test("the rows of all steps are what the phases add up to, exactly", () => {
  const shares = fc.constantFrom(...Object.values(mixturePresets));
  const later = fc.tuple(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 99 })).filter(([a, b]) => a < b);
  fc.assert(
    fc.property(later, fc.tuple(shares, shares, shares), fc.integer({ min: 3, max: 512 }), ([second, third], [a, b, c], batchSize) => {
      const steps = 100;
      const phases = mixturesOf(
        [
          { task: 0, from: 0, shares: a },
          { task: 0, from: second / 100, shares: b },
          { task: 0, from: third / 100, shares: c },
        ],
        { task: 0, steps },
      ).map(({ from, shares: of }) => ({
        from,
        rows: splitBatch({ batchSize, shares: of, pools: { update: 50, buffer: 50, pretraining: 50 }, rule: "split" }),
      }));
      const sums = { update: 0, buffer: 0, pretraining: 0 };
      for (let step = 0; step < steps; step++) {
        const rows = rowsAt(phases, step);
        expect(rows).toBe(phases[step < second ? 0 : step < third ? 1 : 2]?.rows);
        expect(rowsBefore(phases, step)).toEqual(sums);
        for (const source of ["update", "buffer", "pretraining"] as const) sums[source] += rows[source];
      }
      expect(sums.update + sums.buffer + sums.pretraining).toBe(steps * batchSize);
    }),
    { numRuns: 40 },
  );
});
