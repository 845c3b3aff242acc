import { expect, test } from "vitest";
import { walk } from "../../../test/fixtures/continual/walk.ts";
import type { Method } from "../method.ts";
import rewind from "./rewind.ts";

const methodOf = (options: object = {}): Method => rewind.build(rewind.options.parse(options)) as Method;
const falling = (value: number) => ({ retention: 0.9 - value / 10 });

test("the largest step of the way that keeps retention is taken, and the next task starts there", async () => {
  // 0.9 − θ/10 ≥ 0.9 − 0.035 up to θ = 0.35; on the way from 0.3 to 0.8 in ten parts that is 0.35, which rounding may fail: 0.036 leaves room.
  const found = await walk(methodOf({ drop: 0.036 }), { ends: [1, 0.8], score: falling });
  expect(found.deployed).toEqual([0.3, 0.35]);
  expect(found.started).toEqual([0.3, 0.35]);
  expect(found.asked[0]).toEqual([0, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]);
  expect(found.warned).toEqual([]);
});

test("where the trained weights pass they are shipped themselves, and nothing else is scored", async () => {
  const found = await walk(methodOf({ drop: 0.2 }), { ends: [1], score: falling });
  expect(found).toMatchObject({ deployed: [1], isExpert: true, asked: [[0, 1]] });
});

test("a floor stands in the place of the first weights' score", async () => {
  const found = await walk(methodOf({ floor: 0.825, steps: 4 }), { ends: [1], score: falling });
  expect(found).toMatchObject({ deployed: [0.75], asked: [[1, 0.75]] });
});

test("where no place passes, the task is undone and that is told", async () => {
  const found = await walk(methodOf({ floor: 0.95, steps: 2 }), { ends: [1], score: falling });
  expect(found).toMatchObject({ deployed: [0], asked: [[1, 0.5, 0]] });
  expect(found.warned).toEqual([expect.stringMatching(/^EG-3136 rewind: retention is below 95\.00 % wherever on its way task 1 stops/)]);
});

test("a plan is told of one score more where the first weights are scored too", () => {
  expect(methodOf().scoring).toEqual({ of: ["retention"], calls: 12, perSet: 200 });
  expect(methodOf({ floor: 0.5, steps: 4 }).scoring?.calls).toBe(5);
});
