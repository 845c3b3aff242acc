import { expect, test } from "vitest";
import { type Lineage, lineageDiagram, lineageGraph } from "./lineage.ts";

const ledger = [
  { task: 0, s: 5, source: "update", pass: 0, n: 40 },
  { task: 1, s: 10, source: "update", pass: 0, n: 20 },
  { task: 1, s: 10, source: "buffer", pass: 0, n: 20 },
  { task: 1, s: 10, source: "buffer", pass: 1, n: 3 },
];
const independent = (task: number): Lineage => ({
  deploy: `all-${task + 1}`,
  start: "theta0",
  made: [
    {
      name: `all-${task + 1}`,
      by: "linear",
      of: Array.from({ length: task + 1 }, (_, i) => ({ weights: `task-${i + 1}`, share: 1 / (task + 1) })),
    },
  ],
});

test("where nothing is told each task goes on from the last, and has seen what it saw", () => {
  const { nodes, deployed } = lineageGraph(2, new Map(), ledger);
  expect(deployed).toEqual(["task-1", "task-2"]);
  expect(nodes.map(({ name, of, tasks }) => [name, of, tasks])).toEqual([
    ["theta0", [], []],
    ["task-1", [{ weights: "theta0" }], [0]],
    ["task-2", [{ weights: "task-1" }], [0, 1]],
  ]);
  expect(nodes[2]?.samples).toEqual([
    { source: "update", pass: 0, n: 60 },
    { source: "buffer", pass: 0, n: 20 },
    { source: "buffer", pass: 1, n: 3 },
  ]);
});

test("an independent expert has seen its own task alone; what is shipped has seen all", () => {
  const { nodes } = lineageGraph(2, new Map([0, 1].map((task) => [task, independent(task)])), ledger);
  const of = (name: string) => nodes.find((node) => node.name === name);
  expect(of("task-2")?.tasks).toEqual([1]);
  expect(of("all-2")?.tasks).toEqual([0, 1]);
  expect(of("all-2")?.samples[0]).toEqual({ source: "update", pass: 0, n: 60 });
});

test("the diagram has every share on its edge and tells what was shipped last", () => {
  expect(lineageDiagram(lineageGraph(2, new Map([0, 1].map((task) => [task, independent(task)])), ledger))).toBe(`graph LR
  theta0["theta0: the run's start"]
  task_1["task-1"]
  all_1["all-1: linear"]
  task_2["task-2"]
  all_2[["all-2: linear"]]
  theta0 --> task_1
  task_1 -->|1| all_1
  theta0 --> task_2
  task_1 -->|0.5| all_2
  task_2 -->|0.5| all_2
`);
});
