import { afterAll, beforeAll, expect, test } from "vitest";
import { digest, openWorld, run, type Stage, stage as stageIn, type World } from "../../test/fixtures/training/stage.ts";
import { tinyModel } from "../../test/fixtures/training/tiny.ts";
import { memory } from "../engine/memory.ts";
import { copyInto, mulNumber } from "../engine/ops.ts";
import { release, scope } from "../engine/scope.ts";
import { tensor } from "../engine/tensor.ts";
import type { Clip } from "../models/clip.ts";
import type { RunEvent } from "../runs/event.ts";
import { type Position, readState } from "./checkpoint.ts";
import { type Training, train } from "./loop.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
const stage = (model: Clip, over: Partial<Training> = {}): Stage => stageIn(world, model, over);

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
      [0, 9],
      [0, 3],
      [1, 6],
      [1, 2],
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
  const { methods: _, ...position } = saved.position;
  const { loaded, ...found } = await readState(saved.folder, undefined);
  const { model } = loaded;
  const events = await run(stage(model, {}).training, { position, ...found });
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
    expect(again.drawn.map(({ task }) => task)).toEqual([0, 0, 1, 1]);
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

test("points inside of a task change nothing of the training, and one that was interrupted is made first when it goes on", () =>
  withModel(async (model) => {
    await run(stage(model).training);
    const whole = digest(model);
    const places: string[] = [];
    const evaluatesAfter = (step: number): boolean => step === 1;
    const telling = (answer: () => readonly RunEvent[] | undefined): Partial<Training> => ({
      evaluatesAfter,
      evaluate: async ({ task, step, state }) => {
        places.push(`${state} ${task} ${step}`);
        return state === "inside" ? answer() : [];
      },
    });
    await withModel(async (other) => {
      await run(
        stage(
          other,
          telling(() => []),
        ).training,
      );
      expect(places).toEqual(["live -1 0", "inside 0 1", "live 0 3", "inside 1 4", "live 1 5"]);
      expect(digest(other)).toBe(whole);
    });
    await withModel(async (other) => {
      const { training, saved } = stage(
        other,
        telling(() => undefined),
      );
      await run(training);
      expect(saved.map(({ position }) => position)).toEqual([{ task: 0, step: 1, phase: "train", unevaluated: true }]);
      const [stopped] = saved;
      if (!stopped) throw new Error("nothing was saved");
      const { methods: _, ...position } = stopped.position;
      const { loaded, ...found } = await readState(stopped.folder, undefined);
      places.length = 0;
      await run(
        stage(
          loaded.model,
          telling(() => []),
        ).training,
        { position, ...found },
      );
      expect(places).toEqual(["inside 0 1", "live 0 3", "inside 1 4", "live 1 5"]);
      expect(digest(loaded.model)).toBe(whole);
      release(loaded.model);
    });
  }));
