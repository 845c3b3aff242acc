import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Concept } from "../data/source.ts";
import { createRandom } from "../util/random.ts";
import { unlimitedReplay, updatePool } from "./pools.ts";
import { cutIntoTasks, groupIntoTasks, orderings, StreamError, yearsIntoTasks } from "./stream.ts";

const concept = (id: string, samples = 1, year?: number): Concept => {
  const dataset = id.split("/")[0] ?? "";
  return {
    id,
    dataset,
    name: id.slice(dataset.length + 1),
    samples: Array.from({ length: samples }, (_, i) => `${id}#${i}`),
    stats: year === undefined ? {} : { year },
  };
};
const numbered = (n: number): Concept[] => Array.from({ length: n }, (_, i) => concept(`a/${i}`));

describe("cutIntoTasks", () => {
  test.each([
    [18381, 20, 919, 1],
    [18381, 50, 367, 31],
    [18381, 100, 183, 81],
    [18381, 200, 91, 181],
    [1000, 20, 50, 0],
    [40, 4, 10, 0],
  ])("%i concepts in %i tasks give %i each, the first %i tasks one more", (n, tasks, each, longer) => {
    const sizes = cutIntoTasks(numbered(n), tasks).tasks.map(({ concepts }) => concepts.length);
    expect(sizes).toEqual(Array.from({ length: tasks }, (_, task) => each + (task < longer ? 1 : 0)));
  });
  test("tasks are disjoint, differ by at most one, and joined are the stream", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: 80 }), (n, tasks) => {
        fc.pre(tasks <= n);
        const concepts = numbered(n);
        const cut = cutIntoTasks(concepts, tasks).tasks;
        expect(cut.flatMap((task) => task.concepts)).toEqual(concepts);
        const sizes = cut.map((task) => task.concepts.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });
  test("doubles, too few concepts and half tasks are refused", () => {
    expect(() => cutIntoTasks([concept("a/x"), concept("b/x"), concept("a/x")], 2)).toThrow(/"a\/x" is listed twice/);
    expect(() => cutIntoTasks(numbered(3), 4)).toThrow(/3 concepts cannot fill 4 tasks/);
    for (const tasks of [0, 1.5, Number.NaN]) expect(() => cutIntoTasks(numbered(3), tasks)).toThrow(StreamError);
  });
});

describe("groups", () => {
  const dated = [concept("a/new", 1, 2020), concept("b/old", 1, 2015), concept("a/mid", 1, 2019), concept("b/also", 1, 2015)];
  test("years come oldest first and keep the given order inside", () => {
    expect(yearsIntoTasks(dated).tasks.map(({ name, concepts }) => [name, ...concepts.map(({ id }) => id)])).toEqual([
      ["2015", "b/old", "b/also"],
      ["2019", "a/mid"],
      ["2020", "a/new"],
    ]);
  });
  test("given groups come in the order of their first concept", () => {
    expect(groupIntoTasks(dated, ({ dataset }) => dataset).tasks.map(({ name, concepts }) => `${name} ${concepts.length}`)).toEqual([
      "a 2",
      "b 2",
    ]);
  });
  test("a concept without a year is named", () => {
    expect(() => yearsIntoTasks([...dated, concept("c/when")])).toThrow(/1 of 5 concepts have no year, "c\/when" among them/);
    expect(() => groupIntoTasks([], () => "")).toThrow(StreamError);
  });
});

describe("pools", () => {
  const stream = cutIntoTasks(
    [concept("b/1", 2), concept("a/1", 3), concept("a/2", 0), concept("b/2", 1), concept("c/1", 2), concept("b/3", 1)],
    2,
  );
  const all = (pool: { size: number; sample(i: number): string }): string[] => Array.from({ length: pool.size }, (_, i) => pool.sample(i));
  test("hold data sets by first appearance in the stream", () => {
    expect(all(updatePool(stream, 0))).toEqual(["b/1#0", "b/1#1", "a/1#0", "a/1#1", "a/1#2"]);
    expect(all(updatePool(stream, 1))).toEqual(["b/2#0", "b/3#0", "c/1#0", "c/1#1"]);
  });
  test("replay is every earlier update pool, never a sample of the task itself", () => {
    const sizes = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 6 }), (counts, tasks) => {
        fc.pre(tasks <= counts.length);
        const made = cutIntoTasks(
          counts.map((count, i) => concept(`${"abc"[i % 3]}/${i}`, count)),
          tasks,
        );
        for (const [task, pool] of unlimitedReplay(made).entries()) {
          const held = all(pool);
          expect(held).toEqual(Array.from({ length: task }, (_, earlier) => all(updatePool(made, earlier))).flat());
          const own = new Set(all(updatePool(made, task)));
          expect(held.some((id) => own.has(id))).toBe(false);
        }
      }),
    );
  });
  test("a number outside the pool throws", () => {
    expect(() => updatePool(stream, 0).sample(5)).toThrow(RangeError);
    expect(() => unlimitedReplay(stream)[0]?.sample(0)).toThrow(RangeError);
  });
});

test("the given ordering changes nothing and takes no options", async () => {
  const given = await orderings.load("given");
  const concepts = numbered(5);
  expect(given.order(concepts, given.options.parse({}), { random: createRandom(0) })).toEqual(concepts);
  expect(given.options.safeParse({ seed: 1 }).success).toBe(false);
});
