import fc from "fast-check";
import { expect, test } from "vitest";
import type { StoredEvent } from "./event.ts";
import { interleave, metricRows, stepEvents } from "./rows.ts";
import { emptyView, foldEvents, latestScores, viewOf } from "./view.ts";

const plan = {
  hash: "h",
  tasks: [
    { index: 0, name: "old", steps: 2 },
    { index: 1, steps: 3 },
  ],
};
const acc = (value: number) => ({ metric: "acc1", value, unit: "share" as const, samples: 10 });
const step = (task: number, n: number, loss: number): StoredEvent => ({
  ...{ t: n * 10, type: "step", task, step: n, samples: n * 4, losses: { loss }, learningRate: 1 / n, logitScale: 2 },
  timing: { batchMs: 8, dataMs: 2 },
});
const evaluated = (task: number, at: number, source: string, value: number): StoredEvent => ({
  ...{ t: at * 10 + 1, type: "evaluated", task, step: at, state: "deployed", source, role: source === "a" ? "adapt" : "eval" },
  ...{ evaluator: "zero-shot", headline: "acc1", measurements: [{ ...acc(0.9), metric: "acc5" }, acc(value)] },
});
const events: readonly StoredEvent[] = [
  { t: 0, type: "started", plan: "h" },
  evaluated(-1, 0, "a", 0.1),
  evaluated(-1, 0, "b", 0.7),
  { t: 2, type: "scored", task: -1, step: 0, state: "deployed", scores: { ka: acc(0.1), zs: acc(0.7), kaSets: ["a"], zsSets: ["b"] } },
  { t: 3, type: "task-started", task: 0, name: "old", step: 0, steps: 2 },
  step(0, 1, 3),
  step(0, 2, 2),
  { t: 21, type: "task-ended", task: 0, step: 2 },
  evaluated(0, 2, "a", 0.4),
  { t: 22, type: "saved", task: 0, step: 2, kind: "task_end", checkpoint: "t0000-s00000002", bytes: 9 },
  { t: 23, type: "task-started", task: 1, step: 2, steps: 3 },
  step(1, 3, 1.5),
  { t: 31, type: "warning", code: "EG-1", message: "slow" },
];

test("a view holds tasks, curves, the matrix, scores, saves and notes", () => {
  const view = viewOf(events, plan);
  expect(view).toMatchObject({ state: "running", plan: "h", step: 3, steps: 5, samples: 12, startedT: 0, lastT: 31 });
  expect(view.tasks).toEqual([
    { index: 0, name: "old", steps: 2, done: 2, state: "done" },
    { index: 1, steps: 3, done: 1, state: "running" },
  ]);
  expect(view.curves).toEqual({
    loss: [
      [1, 3],
      [2, 2],
      [3, 1.5],
    ],
    lr: [
      [1, 1],
      [2, 1 / 2],
      [3, 1 / 3],
    ],
    logit_scale: [
      [1, 2],
      [2, 2],
      [3, 2],
    ],
  });
  expect(view.sets).toEqual([
    { name: "a", role: "adapt", metric: "acc1" },
    { name: "b", role: "eval", metric: "acc1" },
  ]);
  expect(view.evaluations.map(({ task, cells }) => [task, cells.a?.headline.value, cells.b?.headline.value])).toEqual([
    [-1, 0.1, 0.7],
    [0, 0.4, undefined],
  ]);
  expect(latestScores(view, "deployed")?.zs?.value).toBe(0.7);
  expect(latestScores(view, "live")).toBeUndefined();
  expect(view.saves).toEqual([{ t: 22, task: 0, step: 2, kind: "task_end", checkpoint: "t0000-s00000002", bytes: 9 }]);
  expect(view.notes).toEqual([{ t: 31, kind: "warning", text: "slow", code: "EG-1" }]);
  expect(view.speed).toEqual({ samplesPerSecond: 500, dataShare: 0.25 });
});

test("events in one piece, in many, or over a frozen view give the same view", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(events.length), { maxLength: 5 }), (cuts) => {
      const borders = [0, ...cuts.sort((a, b) => a - b), events.length];
      const folded = borders
        .slice(1)
        .reduce((view, end, i) => foldEvents(deepFreeze(view), events.slice(borders[i], end)), emptyView(plan));
      expect(folded).toEqual(viewOf(events, plan));
    }),
  );
});

test.each([
  [{ t: 40, type: "finished", step: 5 }, "done"],
  [{ t: 40, type: "failed", code: "EG-7001", message: "NaN", exit: 7 }, "failed"],
  [{ t: 40, type: "signal", signal: "SIGTERM" }, "stopping"],
  [{ t: 40, type: "stopped", task: 1, step: 3, checkpoint: "c" }, "stopped"],
  [{ t: 40, type: "evaluating", task: 1, sets: 3 }, "evaluating"],
  [{ t: 40, type: "resumed", from: "c", task: 0, step: 2, exact: true, allowed: [] }, "running"],
] satisfies [StoredEvent, string][])("%j leaves the run %s", (event, state) => {
  expect(viewOf([...events, event], plan).state).toBe(state);
});

test("a resume cuts the curves back to where it goes on", () => {
  const view = viewOf(
    [...events, { t: 40, type: "resumed", from: "t0000-s00000002", task: 0, step: 2, exact: true, allowed: [] }, step(1, 3, 1.25)],
    plan,
  );
  expect(view.curves.loss).toEqual([
    [1, 3],
    [2, 2],
    [3, 1.25],
  ]);
});

test("a view without a plan grows its tasks from the events", () => {
  expect(viewOf(events).tasks).toEqual(viewOf(events, plan).tasks);
  expect(viewOf([])).toEqual(emptyView());
});

test("step events survive the way through rows of metrics", () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  const arbitrary = fc.record({
    losses: fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), number, { minKeys: 1 }),
    lr: number,
    scale: fc.option(number, { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(arbitrary, { maxLength: 5 }), (list) => {
      const made = list.map(({ losses, lr, scale }, i) => ({
        t: i,
        type: "step" as const,
        task: 0,
        step: i + 1,
        samples: i,
        losses: { ...losses },
        learningRate: lr,
        ...(scale === undefined ? {} : { logitScale: scale }),
      }));
      expect(stepEvents(made.flatMap((event) => metricRows(event, event.t)))).toEqual(made);
    }),
  );
});

test("interleaving goes by time and keeps each list's own order", () => {
  const steps = [step(0, 1, 1), step(0, 2, 1)];
  const others: StoredEvent[] = [
    { t: 5, type: "signal", signal: "a" },
    { t: 10, type: "signal", signal: "b" },
    { t: 15, type: "signal", signal: "c" },
  ];
  expect(interleave(steps, others).map(({ t, type }) => [t, type])).toEqual([
    [5, "signal"],
    [10, "step"],
    [10, "signal"],
    [15, "signal"],
    [20, "step"],
  ]);
});

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === "object" && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
