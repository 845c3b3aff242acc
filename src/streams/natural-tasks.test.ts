import { expect, test } from "vitest";
import type { Concept } from "../data/source.ts";
import { cutBySamples } from "./cut-by-samples.ts";
import { naturalTasks } from "./natural-tasks.ts";

const concept = (id: string, year?: number, samples = 0): Concept => ({
  id,
  dataset: id.slice(0, 1),
  name: id.slice(1),
  samples: Array.from({ length: samples }, (_, i) => `${id}/${i}`),
  stats: year === undefined ? {} : { year },
});
const shown = (stream: ReturnType<typeof naturalTasks>): string[] =>
  stream.tasks.map(({ name, concepts }) => `${name ?? "-"}: ${concepts.map(({ id }) => id).join(" ")}`);

const mixed = [concept("a1", 2002), concept("b1", 2001), concept("a2", 2001)];
const together = [concept("b1", 2002), concept("b2", 2002), concept("a1", 2001)];

test("what was given goes by year, or by data set where a year is missing", () => {
  expect(shown(naturalTasks(mixed, { isOrdered: false }))).toEqual(["2001: b1 a2", "2002: a1"]);
  expect(shown(naturalTasks([...mixed, concept("a3")], { isOrdered: false }))).toEqual(["a: a1 a2 a3", "b: b1"]);
});

test("an order that was asked for is never undone", () => {
  expect(shown(naturalTasks(together, { isOrdered: true }))).toEqual(["2002: b1 b2", "2001: a1"]);
  expect(shown(naturalTasks([concept("b1", 1), concept("b2", 2), concept("a1", 1)], { isOrdered: true }))).toEqual(["b: b1 b2", "a: a1"]);
  expect(
    shown(naturalTasks([concept("a1", 2002), concept("b1", 2001), concept("a2", 2002), concept("b2", 2001)], { isOrdered: true })),
  ).toEqual(["-: a1 b1", "-: a2 b2"]);
});

test("years make the tasks beside one of concepts without a year, where the order keeps both together", () => {
  const undated = [concept("a3"), concept("b3")];
  const byYear = [concept("b1", 2001), concept("a2", 2001), concept("a1", 2002)];
  expect(shown(naturalTasks([...byYear, ...undated], { isOrdered: true }))).toEqual(["2001: b1 a2", "2002: a1", "undated: a3 b3"]);
  expect(shown(naturalTasks([...undated, ...byYear], { isOrdered: true }))).toEqual(["undated: a3 b3", "2001: b1 a2", "2002: a1"]);
  const apart = [undated[0], ...byYear, undated[1]].flatMap((each) => each ?? []);
  expect(naturalTasks(apart, { isOrdered: true }).tasks.map(({ name }) => name)).toEqual([undefined, undefined]);
});

test("cut by samples, a task ends where the running count reaches its share, and none is empty", () => {
  const sizes = (counts: readonly number[], tasks: number): number[][] =>
    cutBySamples(
      counts.map((samples, i) => concept(`a${i}`, undefined, samples)),
      tasks,
    ).tasks.map((task) => task.concepts.map(({ samples }) => samples.length));
  expect(sizes([1, 1, 1, 1, 4, 4], 3)).toEqual([[1, 1, 1, 1], [4], [4]]);
  expect(sizes([3, 3, 3, 3], 2)).toEqual([
    [3, 3],
    [3, 3],
  ]);
  expect(sizes([9, 1, 1, 1], 3)).toEqual([[9], [1], [1, 1]]);
  expect(sizes([1, 1, 1, 9], 3)).toEqual([[1, 1], [1], [9]]);
  expect(sizes([0, 0, 0], 3)).toEqual([[0], [0], [0]]);
});
