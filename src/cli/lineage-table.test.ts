import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { make } from "../../test/fixtures/runs/made-run.ts";
import type { RunEvent } from "../runs/event.ts";
import { RunReader } from "../runs/run-reader.ts";
import { lineageOf, lineageTable } from "./lineage-table.ts";

const root = mkdtempSync(join(tmpdir(), "lineage-"));
afterAll(() => rmSync(root, { recursive: true }));

const saved = (task: number): RunEvent => ({ type: "saved", task, step: 4 * task, kind: "task_end", checkpoint: `c${task}`, bytes: 1 });
const scored = (task: number): RunEvent => ({
  type: "scored",
  task,
  step: 4,
  state: "deployed",
  scores: { kaSets: [], zsSets: [] },
});
function runOf(id: string, ...events: readonly RunEvent[]): RunReader {
  const { writer, folder, lock } = make(root, id);
  for (const event of events) writer.append(event);
  writer.draw({ task: 0, s: 4, source: "update", pass: 0, n: 30 });
  writer.draw({ task: 1, s: 8, source: "update", pass: 0, n: 20 });
  writer.draw({ task: 1, s: 8, source: "buffer", pass: 0, n: 10 });
  writer.end({ state: "done", exit: 0 });
  lock.release();
  return new RunReader(folder);
}

test("each set of weights has what it was made of and the samples behind it", () => {
  const merged = {
    name: "unrolled-1",
    by: "linear",
    of: [
      { weights: "task-1", share: 0.1 },
      { weights: "theta0", share: 0.9 },
    ],
  };
  const reader = runOf(
    "merged",
    scored(-1),
    scored(0),
    { type: "lineage", task: 0, deploy: "unrolled-1", start: "theta0", made: [merged] },
    saved(1),
    scored(1),
    { type: "lineage", task: 1, deploy: "task-2", start: "task-2", made: [] },
    saved(2),
  );
  expect(lineageTable(lineageOf(reader)).rows).toEqual([
    ["theta0", "the run's start", undefined, undefined, 0, 0],
    ["task-1", "training", "theta0", undefined, 30, 0],
    ["unrolled-1", "linear", "0.1 task-1 + 0.9 theta0", "after task 1", 30, 0],
    ["task-2", "training", "theta0", "after task 2", 20, 10],
  ]);
});

test("a run whose method decided about weights and told nothing is refused, not guessed at", () => {
  expect(() => lineageOf(runOf("old", scored(0), saved(1)))).toThrow("does not tell");
});
