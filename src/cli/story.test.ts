import { expect, test } from "vitest";
import type { FromTrainer } from "../launch/messages.ts";
import type { RunEvent, Scores } from "../runs/event.ts";
import { Story } from "./story.ts";

const measured = (value: number) => ({
  metric: "acc1",
  value,
  unit: "share" as const,
  samples: 100,
  interval: [value - 0.01, value + 0.01] as const,
});
const scores = (ka: number, zs: number): Scores => ({ ka: measured(ka), zs: measured(zs), kaSets: ["new"], zsSets: ["old"] });
const event = (given: RunEvent): FromTrainer => ({ kind: "event", event: given });
const evaluated = (task: number, source: string, value: number): FromTrainer =>
  event({
    type: "evaluated",
    task,
    step: 0,
    state: "live",
    source,
    role: "eval",
    evaluator: "zero-shot",
    headline: "acc1",
    measurements: [measured(value)],
    durationMs: 5000,
  });
const step = (number: number, loss: number): FromTrainer =>
  event({
    type: "step",
    task: 0,
    step: number,
    samples: 32 * number,
    losses: { loss },
    learningRate: 1e-4,
    timing: { batchMs: 1000, dataMs: 10 },
  });

/** The run of one task with four steps, a second each. */
const run: readonly (readonly [ms: number, message: FromTrainer])[] = [
  [0, { kind: "folder", folder: "/runs/p/id-1" }],
  [0, { kind: "plan", tasks: [{ name: "2018", steps: 4, concepts: 1, samples: 9 }] }],
  [1, { kind: "preload", done: 5e6, total: 2e9 }],
  [1, { kind: "set", set: "new", index: 0, of: 3 }],
  [1, evaluated(-1, "new", 0.1)],
  [1, evaluated(-1, "old", 0.6)],
  [1, evaluated(-1, "unused", 0.3)],
  [1, event({ type: "scored", task: -1, step: 0, state: "live", scores: scores(0.1, 0.6) })],
  [1, event({ type: "task-started", task: 0, step: 0, steps: 4 })],
  [1000, step(1, 3)],
  [31_000, step(2, 2.5)],
  [32_000, step(3, 2.25)],
  [33_000, step(4, 2)],
  [33_000, event({ type: "task-ended", task: 0, step: 4 })],
  [34_000, evaluated(0, "new", 0.3)],
  [34_000, evaluated(0, "old", 0.55)],
  [34_000, event({ type: "scored", task: 0, step: 4, state: "live", scores: scores(0.3, 0.55) })],
];

function tell(isTerminal: boolean): string {
  let text = "";
  let now = 0;
  const write = (piece: string): void => {
    text += piece;
  };
  const story = new Story({ write, isTerminal, columns: 80, now: () => now });
  for (const [ms, message] of run) {
    now = ms;
    story.hear(message);
  }
  return text;
}

test("without a terminal a run is told in plain lines: one each half minute, one a task, one block an evaluation", () => {
  expect(tell(false).trimEnd().split("\n")).toEqual([
    "run id-1   /runs/p/id-1   Ctrl+C saves and stops",
    "before training",
    "  stream    new 10.0",
    "  held out  old 60.0",
    "  KA 10.0 ± 1.0   ZS 60.0 ± 1.0   GM –",
    "task 1/1 2018  step 2/4  loss 3.000 → 2.500  32 samples/s  data 1.0%  lr 1.0e-4  eta 17.0s",
    "task 1/1 2018  4 steps  loss 3.000 → 2.000  32 samples/s  data 1.0%",
    "after task 1/1 2018   (change since the start)",
    "  stream    new 30.0",
    "  held out  old 55.0",
    "  KA 30.0 ± 1.0 (+20.0)   ZS 55.0 ± 1.0 (−5.0)   GM –",
  ]);
});

test("on a terminal what is redrawn is erased first, so that nothing but whole lines stays", () => {
  const esc = String.fromCharCode(27);
  const lines: string[] = [];
  for (const piece of tell(true)
    .split("\n")
    .map((line, i) => (i === 0 ? line : `\n${line}`))) {
    const [, up, rest = ""] = new RegExp(`^\n${esc}\\[(\\d+)A${esc}\\[0J(.*)$`, "s").exec(piece) ?? [];
    if (up === undefined) lines.push(piece.replace(/^\n/, ""));
    else lines.splice(lines.length - Number(up), Number(up), rest);
  }
  expect(lines.filter((line) => /█|evaluating/.test(line))).toEqual([]);
  expect(lines.filter((line) => line.startsWith("task 1/1 2018  4 steps"))).toHaveLength(1);
  expect(tell(true)).toMatch(/█[\s\S]*task 1\/1 2018 {2}4 steps/);
});
