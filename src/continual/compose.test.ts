import { expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { compose } from "./compose.ts";
import type { Method, MethodRow, RunFacts, SeenRows } from "./method.ts";

const one: MethodRow = { role: "reservoir", from: { task: 0, step: 0, row: 0 } };
const facts = { random: createRandom(0), batchSize: 8 } as RunFacts;
const seen: SeenRows = Object.assign(() => [], { roles: () => [] });
const asking = (method: Method): ReturnType<typeof compose> =>
  compose([
    { name: "finetune", method: {} },
    { name: "asks", method },
  ]);

test("a method that asks for rows without a limit is refused before anything is opened", () => {
  expect(() => asking({ rows: () => [one] })).toThrow(
    expect.objectContaining({ code: "EG-3113", exit: "config", message: expect.stringMatching(/^method asks asks for rows.*at most$/) }),
  );
});

test("one that asks for more than its limit is told by name, step and numbers", () => {
  const methods = asking({ rows: ({ step }) => Array(step).fill(one), mostRows: (batchSize) => batchSize / 4 });
  expect(methods.mostRows(8)).toBe(2);
  expect(methods.rows({ task: 0, step: 2 }, seen, facts)).toHaveLength(2);
  expect(() => methods.rows({ task: 1, step: 3 }, seen, facts)).toThrow(
    expect.objectContaining({ code: "EG-3113", message: "method asks: `rows` asks for 3 in step 3 of task 2, `mostRows` says 2" }),
  );
});

test("a method that looks at the shipped model is refused where several are shipped as one; a single model is no ensemble", () => {
  const several = { ensemble: (task: number) => ["first", "second"].slice(0, task + 1) };
  expect(() => asking(several).list).not.toThrow();
  expect(() =>
    compose([
      { name: "ships", method: several },
      { name: "looks", method: { shipped: () => null } },
    ]),
  ).toThrow(
    expect.objectContaining({
      code: "EG-3106",
      message: expect.stringMatching(/^methods: looks and ships cannot be listed together/) as string,
    }),
  );
  expect([0, 1].map((task) => asking(several).ensemble(task))).toEqual([[], ["first", "second"]]);
  expect([asking(several).shipsEnsembles, asking({}).shipsEnsembles]).toEqual([true, false]);
});
