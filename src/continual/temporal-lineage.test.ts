import { describe, expect, test } from "vitest";
import linear from "../merging/operators/linear.ts";
import ties from "../merging/operators/ties.ts";
import { type Lineage, lineageGraph } from "../runs/lineage.ts";
import { temporalLineage } from "./temporal-lineage.ts";
import type { TemporalRule } from "./temporal-rule.ts";

const rule = (over: Partial<TemporalRule>): TemporalRule => ({
  start: "unrolled",
  deploy: "unrolled",
  operator: "linear",
  weight: 0.9,
  base: "theta0",
  recency: "uniform",
  reverse: false,
  includeBase: false,
  ...over,
});
const means = { operators: { image: linear, text: linear }, measures: new Map() };
const told = (of: TemporalRule, tasks: number): Map<number, Lineage> =>
  new Map(Array.from({ length: tasks }, (_, task) => [task, temporalLineage(of, task, means)]));

/** What was shipped last, as shares of what training left and of the first weights. */
function expanded(of: TemporalRule, tasks: number): Readonly<Record<string, number>> {
  const { nodes, deployed } = lineageGraph(tasks, told(of, tasks), []);
  const shares: Record<string, number> = {};
  const visit = (name: string, share: number): void => {
    const node = nodes.find((each) => each.name === name);
    if (!node) throw new Error(`${name} comes from nowhere`);
    if (node.by === "training" || node.of.length === 0) shares[name] = (shares[name] ?? 0) + share;
    else for (const part of node.of) visit(part.weights, share * (part.share ?? Number.NaN));
  };
  visit(deployed.at(-1) ?? "", 1);
  return shares;
}

test("EMA-merge from the first weights: w³ of them and (1 − w)·w^(t − i) of the tasks", () => {
  const found = expanded(rule({}), 3);
  const expected = { theta0: 0.729, "task-1": 0.081, "task-2": 0.09, "task-3": 0.1 };
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, share] of Object.entries(expected)) expect(found[name]).toBeCloseTo(share, 12);
});

test("from the first expert, it is w² of the first task", () => {
  const found = expanded(rule({ base: "first" }), 3);
  expect(found["task-1"]).toBeCloseTo(0.81, 12);
  expect(found["task-2"]).toBeCloseTo(0.09, 12);
  expect(found.theta0).toBeUndefined();
});

test("a merge of all has shares by age, with the first weights as the oldest where they take part", () => {
  expect(expanded(rule({ deploy: "all", recency: "linear" }), 3)).toEqual({ "task-1": 1 / 6, "task-2": 2 / 6, "task-3": 3 / 6 });
  const whole = expanded(rule({ deploy: "all", includeBase: true }), 3);
  expect(Object.keys(whole)).toEqual(["theta0", "task-1", "task-2", "task-3"]);
});

describe.each(["zs", "latest", "unrolled", "all", "anchored"] as const)("from %s", (start) => {
  test.each(["latest", "unrolled", "all", "anchored"] as const)("to %s: shares add up to 1, and every name is made once", (deploy) => {
    const of = rule({ start, deploy });
    const total = Object.values(expanded(of, 4)).reduce((sum, share) => sum + share, 0);
    expect(total).toBeCloseTo(1, 12);
    const names = [...told(of, 4).values()].flatMap(({ made }) => made.map(({ name }) => name));
    expect(new Set(names).size).toBe(names.length);
    const { nodes } = lineageGraph(4, told(of, 4), []);
    const third = nodes.find(({ name }) => name === "task-3");
    expect(third?.of).toEqual([{ weights: start === "zs" ? "theta0" : start === "latest" ? "task-2" : `${start}-2` }]);
  });
});

test("an operator without shares has none, and a modifier is told; so are measures", () => {
  const towers = { image: { distance: 2, growth: 0.5, cosine: 0.25 }, text: { distance: 1 } };
  const of = { operators: { image: ties, text: ties }, measures: new Map([["unrolled" as const, towers]]) };
  const { made } = temporalLineage(rule({ operator: { name: "ties" }, modifier: "lines" }), 1, of);
  expect(made).toEqual([{ name: "unrolled-2", by: "ties with lines", of: [{ weights: "task-2" }, { weights: "unrolled-1" }], towers }]);
});

test("towers that are merged otherwise are told apart, and have no shares in common", () => {
  const of = { operators: { image: linear, text: linear }, measures: new Map() };
  const { made } = temporalLineage(rule({ towers: { text: { weight: 0.5, modifier: "lines" } } }), 1, of);
  expect(made).toEqual([
    { name: "unrolled-2", by: "linear (image), linear with lines (text)", of: [{ weights: "task-2" }, { weights: "unrolled-1" }] },
  ]);
});
