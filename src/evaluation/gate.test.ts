import { expect, test } from "vitest";
import { type Gate, judge, parseGate, verdictOfAll } from "./gate.ts";

test("a gate is a score, a relation and per cent", () => {
  expect(parseGate("zs>=65")).toEqual({ text: "zs>=65", score: "zs", relation: ">=", limit: 0.65 });
  expect(parseGate(" imagenet1k.acc1 <= 63.25 % ")).toMatchObject({ score: "imagenet1k.acc1", relation: "<=", limit: 0.6325 });
  expect(["zs>65", "zs>=", ">=3", "zs>=x", ""].map(parseGate)).toEqual([undefined, undefined, undefined, undefined, undefined]);
});

test.each([
  [">=", [0.6, 0.7], 0.6, "pass"],
  [">=", [0.6, 0.7], 0.65, "undecided"],
  [">=", [0.6, 0.7], 0.7, "undecided"],
  [">=", [0.6, 0.7], 0.71, "fail"],
  ["<=", [0.6, 0.7], 0.7, "pass"],
  ["<=", [0.6, 0.7], 0.65, "undecided"],
  ["<=", [0.6, 0.7], 0.59, "fail"],
] as const)("%s with the interval %j against %f is %s", (relation, interval, limit, result) => {
  const gate: Gate = { text: "", score: "zs", relation, limit };
  expect(judge(gate, { value: 0.65, interval }).result).toBe(result);
});

test("without an interval the value decides, without a measurement nothing does", () => {
  const gate: Gate = { text: "", score: "zs", relation: ">=", limit: 0.6 };
  expect([judge(gate, { value: 0.6 }).result, judge(gate, { value: 0.59 }).result]).toEqual(["pass", "fail"]);
  expect(judge(gate, undefined)).toEqual({ text: "", result: "undecided" });
});

test("one that fails fails all, one that is undecided leaves all undecided", () => {
  const of = (...results: readonly ("pass" | "fail" | "undecided")[]) => verdictOfAll(results.map((result) => ({ text: "", result })));
  expect([of("pass", "pass"), of("pass", "undecided"), of("undecided", "fail"), of()]).toEqual(["pass", "undecided", "fail", "pass"]);
});
