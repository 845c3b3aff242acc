import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tinyModel, tinyOptions } from "../../test/fixtures/training/tiny.ts";
import { createLoader, type Loader } from "../data/loader.ts";
import { memory } from "../engine/memory.ts";
import { copyInto, mulNumber } from "../engine/ops.ts";
import { release, scope } from "../engine/scope.ts";
import { read, tensor } from "../engine/tensor.ts";
import type { Clip } from "../models/clip.ts";
import { clipPreprocess } from "../models/preprocess.ts";
import type { Checkpoint } from "../runs/checkpoint.ts";
import type { RunEvent } from "../runs/event.ts";
import type { LedgerRow } from "../runs/rows.ts";
import { sha256 } from "../util/hash.ts";
import type { TrainingRow } from "./batches.ts";
import { type Position, readModel, readMoments } from "./checkpoint.ts";
import { beginning, type StartingPoint, type Training, train } from "./loop.ts";

const folder = mkdtempSync(join(tmpdir(), "loop-"));
const size = 16;
const preprocess = { ...clipPreprocess, size };
const [batch, pictures] = [4, 12];
const steps = [3, 2];
let loader: Loader;

beforeAll(async () => {
  const pixels = Uint8Array.from({ length: pictures * size * size * 3 }, (_, i) => (i * i + (i % 7) * 31) % 256);
  writeFileSync(join(folder, "pictures.raw"), pixels);
  const { mode: _, ...forLoader } = { mode: "", size, resizeMode: "shortest" as const, interpolation: "bicubic" as const, fill: 0 };
  loader = await createLoader({ seed: 1, preprocess: forLoader, transforms: { train: { name: "none" } }, maxRows: batch, workers: 1 });
});
afterAll(async () => {
  await loader.close();
  rmSync(folder, { recursive: true });
});

function row(number: number): TrainingRow {
  const image = { kind: "raw", path: join(folder, "pictures.raw"), offset: number * size * size * 3, width: size, height: size } as const;
  const draws = { purpose: "crop/update", task: 0, index: number } as const;
  return { request: { id: `set/${number}`, image, transform: "train", draws }, caption: `picture ${number}`, source: "update", pass: 0 };
}

interface Stage {
  readonly training: Training;
  readonly saved: { readonly position: Position; readonly model: string; readonly folder: string }[];
  readonly drawn: LedgerRow[];
  readonly evaluated: (readonly [number, number])[];
}

/** A training of two tasks over a model, whose checkpoints lie in a folder of their own. */
function stage(model: Clip, over: Partial<Training> = {}): Stage {
  const found: Omit<Stage, "training"> = { saved: [], drawn: [], evaluated: [] };
  const place = mkdtempSync(join(folder, "checkpoints-"));
  const training: Training = {
    tasks: steps.map((count, task) => ({
      name: `task ${task}`,
      steps: count,
      rowsAt: (step) => Array.from({ length: batch }, (_, i) => row((task * 5 + step * batch + i) % pictures)),
    })),
    loaded: { model, preprocess },
    step: tinyOptions,
    batches: {
      preprocess,
      contextLength: 8,
      duplicates: "ignore",
      tokenize: (text, length) =>
        Int32Array.from({ length }, (_, i) =>
          i === 0 ? 38 : i === 1 ? 1 + (text.charCodeAt(8) % 36) : i === 2 ? 1 + (text.charCodeAt(9) % 36 || 0) : i === 3 ? 39 : 0,
        ),
    },
    schedule: ({ step, steps: all, task }) => (step + 1) / (all[task] ?? 1),
    loader,
    evaluate: async ({ task, step }) => {
      found.evaluated.push([task, step]);
      return [{ type: "evaluating", task, sets: 0 }];
    },
    sink: {
      draw: (drawn) => found.drawn.push(drawn),
      save: (request) => {
        const own = mkdtempSync(join(place, "state-"));
        request.write((file) => join(own, file));
        found.saved.push({ position: request.state as unknown as Position, model: digest(model), folder: own });
        return { name: `c${found.saved.length}`, task: request.task, step: request.step, bytes: request.bytes } as Checkpoint;
      },
    },
    stopRequested: () => false,
    ...over,
  };
  return { training, ...found };
}

const digest = ({ weights }: Clip): string =>
  sha256(Buffer.concat([...weights.values()].map((value) => new Uint8Array(read(value).buffer))));

async function run(training: Training, from: StartingPoint = beginning): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of train(training, from)) events.push(event);
  return events;
}

/** Type, task and step of an event, in short. */
const short = (event: RunEvent): string =>
  [event.type, ...("task" in event ? [event.task] : []), ...("step" in event ? [event.step] : [])].join(" ");

async function withModel<T>(work: (model: Clip) => Promise<T>): Promise<T> {
  const model = tinyModel();
  try {
    return await work(model);
  } finally {
    release(model);
  }
}

test("tells task, steps, evaluation and checkpoint in this order, steps counted over the run", () =>
  withModel(async (model) => {
    const before = memory().tensors;
    const { training, saved, drawn, evaluated } = stage(model);
    const events = await run(training);
    expect(events.map(short)).toEqual([
      "evaluating -1",
      ...["task-started 0 0", "step 0 1", "step 0 2", "step 0 3", "task-ended 0 3", "evaluating 0", "saved 1 3"],
      ...["task-started 1 3", "step 1 4", "step 1 5", "task-ended 1 5", "evaluating 1", "saved 2 5"],
      "finished 5",
    ]);
    expect(evaluated).toEqual([
      [-1, 0],
      [0, 3],
      [1, 5],
    ]);
    expect(saved.map(({ position }) => position)).toEqual([
      { task: 1, step: 0, phase: "train" },
      { task: 2, step: 0, phase: "train" },
    ]);
    expect(drawn.map(({ task, n }) => [task, n])).toEqual([
      [0, 12],
      [1, 8],
    ]);
    const rates = events.flatMap((event) => (event.type === "step" ? [event.learningRate] : []));
    [1 / 3, 2 / 3, 1, 1 / 2, 1].forEach((multiplier, i) => {
      expect(rates[i]).toBeCloseTo(1e-3 * multiplier, 12);
    });
    expect(memory().tensors).toBe(before);
  }));

test("stopped after any step and gone on with from what it saved, it ends with the same weights", () =>
  withModel(async (model) => {
    await run(stage(model).training);
    const whole = digest(model);
    for (let stopAt = 1; stopAt <= 5; stopAt++) {
      const { step, position } = await stoppedAndResumed(stopAt, whole);
      expect(step).toBe(stopAt);
      expect(position).toEqual(
        [
          { task: 0, step: 1, phase: "train" },
          { task: 0, step: 2, phase: "train" },
          { task: 0, step: 3, phase: "evaluate" },
          { task: 1, step: 1, phase: "train" },
          { task: 1, step: 2, phase: "evaluate" },
        ][stopAt - 1],
      );
    }
  }));

async function stoppedAndResumed(stopAt: number, whole: string): Promise<{ readonly step: number; readonly position: Position }> {
  const [stopped, saved] = await withModel(async (model) => {
    let done = 0;
    const { training, saved } = stage(model, { stopRequested: () => done >= stopAt });
    let last: RunEvent | undefined;
    for await (const event of train(training)) {
      if (event.type === "step") done += 1;
      last = event;
    }
    return [last, saved.at(-1)] as const;
  });
  if (stopped?.type !== "stopped" || !saved) throw new Error(`did not stop: ${stopped?.type}`);
  const { position } = saved;
  const { model } = await readModel(saved.folder);
  const moments = position.phase === "train" ? await readMoments(saved.folder) : undefined;
  const events = await run(stage(model, {}).training, { position, ...(moments ? { moments } : {}) });
  expect(events.at(-1)).toEqual({ type: "finished", step: 5 });
  expect(events.filter(({ type }) => type === "step")).toHaveLength(5 - stopAt);
  expect(digest(model)).toBe(whole);
  release(model);
  return { step: stopped.step, position };
}

test("an evaluation that was interrupted is made anew: nothing of it is told, and no ledger row is drawn twice", () =>
  withModel(async (model) => {
    const interrupted = stage(model, { evaluate: async ({ task }) => (task === 0 ? undefined : []) });
    expect((await run(interrupted.training)).map(short).slice(-2)).toEqual(["saved 0 3", "stopped 0 3"]);
    expect(interrupted.drawn).toEqual([]);
    const position = interrupted.saved[0]?.position as Position;
    expect(position).toEqual({ task: 0, step: 3, phase: "evaluate" });
    const again = stage(model);
    expect((await run(again.training, { position })).map(short).slice(0, 3)).toEqual(["evaluating 0", "saved 1 3", "task-started 1 3"]);
    expect(again.drawn.map(({ task }) => task)).toEqual([0, 1]);
  }));

test("a batch that gives no finite loss ends the run with task, step and sample ids; weights stay as they were", () =>
  withModel(async (model) => {
    let atFourth = "";
    let poisoned = false;
    const { training, saved } = stage(model);
    const poison: Training = {
      ...training,
      schedule: (at) => {
        if (at.task === 1 && !poisoned) {
          poisoned = true;
          poisonWeights(model);
          atFourth = digest(model);
        }
        return training.schedule(at);
      },
    };
    await expect(run(poison)).rejects.toMatchObject({
      code: "EG-7001",
      exit: "numerics",
      task: 1,
      step: 4,
      samples: [5, 6, 7, 8].map((n) => `set/${n}`),
    });
    expect(digest(model)).toBe(atFourth);
    expect(saved).toHaveLength(1);
  }));

test("weights that are not finite are neither evaluated nor saved", () =>
  withModel(async (model) => {
    const { training, saved, evaluated } = stage(model);
    const poison: Training = {
      ...training,
      stopRequested: () => {
        poisonWeights(model);
        return false;
      },
    };
    await expect(run({ ...poison, tasks: training.tasks.map((task) => ({ ...task, steps: 1 })) })).rejects.toMatchObject({
      code: "EG-7002",
      exit: "numerics",
      task: 0,
      step: 1,
      message: expect.stringContaining("visual.proj"),
    });
    expect([saved, evaluated]).toEqual([[], [[-1, 0]]]);
  }));

/** As an update that overflowed would leave them. */
function poisonWeights(model: Clip): void {
  scope(() => {
    const weight = model.weights.get("visual.proj");
    if (weight) copyInto(weight, mulNumber(tensor(new Float32Array(weight.size).fill(3e38), weight.shape, "float32"), 10));
  });
}
