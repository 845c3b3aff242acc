import { expect, test } from "vitest";
import { firstProblems, type Problem, problemTable } from "./problem-list.ts";

const problems = Array.from({ length: 12 }, (_, i): Problem => ({ set: "s", problem: "unreadable", item: `s/${i}`, detail: "empty" }));

test("ten problems are shown, the others counted; a file is named in place of them", () => {
  const [table = "", more] = firstProblems(problems, undefined);
  expect(table.split("\n").map((line) => line.trim().split(/\s+/)[2])).toEqual(["item", ...problems.slice(0, 10).map(({ item }) => item)]);
  expect(more).toBe("and 2 more; --out problems.tsv writes all of them");
  expect(firstProblems(problems.slice(0, 10), undefined)).toHaveLength(1);
  expect(firstProblems([], undefined)).toEqual([]);
  expect(firstProblems(problems.slice(0, 1), "p.tsv")).toEqual(["1 problem written to p.tsv"]);
});

test("a problem is a row of set, problem, item and detail", () => {
  const { columns, rows } = problemTable(problems.slice(0, 1));
  expect(columns.map(({ title }) => title)).toEqual(["set", "problem", "item", "detail"]);
  expect(rows).toEqual([["s", "unreadable", "s/0", "empty"]]);
});
