import { expect, test } from "vitest";
import { walk } from "../../../test/fixtures/continual/walk.ts";
import type { Method } from "../method.ts";
import paint from "./paint.ts";

const methodOf = (options: object = {}): Method => paint.build(paint.options.parse(options)) as Method;

test("the share with the best mean of the task's score and all else is shipped, and the next task starts there", async () => {
  // ½(θ + 1 − θ²) is greatest at ½; from ½ to 1.5 it is greatest where it starts.
  const score = (value: number) => ({ task: value, retention: 1 - value ** 2 });
  expect(await walk(methodOf(), { ends: [1, 1.5], score })).toMatchObject({ deployed: [0.5, 0.5], started: [0.5, 0.5], warned: [] });
  // Between ½ and −½ the best is at ½ as well: on a way of 4 parts its start.
  const { asked, deployed } = await walk(methodOf({ steps: 4 }), { ends: [1, -0.5], score });
  expect(asked).toEqual([
    [1, 0.75, 0.5, 0.25, 0],
    [-0.5, -0.25, 0, 0.25, 0.5],
  ]);
  expect(deployed).toEqual([0.5, 0.5]);
});

test("tasks before and evaluated sets are one half of the balance, however many of them there are", async () => {
  // task θ, earlier 1 − 2θ, retention 1: ½(θ + 1 − θ) is the same everywhere, and of equals the trained weights are taken.
  const level = await walk(methodOf(), { ends: [1], score: (value) => ({ task: value, earlier: 1 - 2 * value, retention: 1 }) });
  expect(level).toMatchObject({ deployed: [1], isExpert: true });
  // A little more is lost than is learned.
  const falling = await walk(methodOf(), { ends: [1], score: (value) => ({ task: value, earlier: 1 - 2.1 * value, retention: 1 }) });
  expect(falling).toMatchObject({ deployed: [0], isExpert: false });
});

test("groups of which nothing is held back count for nothing", async () => {
  expect((await walk(methodOf(), { ends: [2], score: (value) => ({ task: value / 2 }) })).deployed).toEqual([2]);
  expect((await walk(methodOf(), { ends: [2], score: (value) => ({ retention: 1 - Math.abs(value - 0.4) }) })).deployed).toEqual([0.4]);
  expect((await walk(methodOf(), { ends: [2], score: () => ({}) })).deployed).toEqual([2]);
});

test("a plan is told of a score at both ends and of those between", () => {
  expect(methodOf({ steps: 20, perSet: 50 }).scoring).toEqual({ of: ["task", "earlier", "retention"], calls: 21, perSet: 50 });
});
