import { afterAll, beforeAll, expect, test } from "vitest";
import { digest, openWorld, run, stage, startModel, type World } from "../../test/fixtures/training/stage.ts";
import { compose } from "../continual/compose.ts";
import type { TaskContext } from "../continual/method.ts";
import { embedUnder } from "../continual/teacher.ts";
import { memory } from "../engine/memory.ts";
import { mulNumber } from "../engine/ops.ts";
import { keep, release, scope } from "../engine/scope.ts";
import { item, readFloats, type Tensor, type Weights } from "../engine/tensor.ts";
import { computeWeights } from "../models/clip.ts";
import type { TrainingRow } from "./batches.ts";
import type { TaskWork, Training } from "./loop.ts";
import { rowBatches } from "./row-batches.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

/** Trains the two tasks with a look between them; a digest of the weights at the end. */
async function train(
  look?: (expert: Weights, task: TaskContext, training: Training) => Promise<void>,
  tasks?: readonly TaskWork[],
): Promise<string> {
  const model = startModel(undefined);
  let training: Training | undefined;
  const flow = async (expert: Weights, task: TaskContext) => {
    await look?.(expert, task, training as Training);
    return { state: null };
  };
  const methods = compose(look ? [{ name: "looks", method: { flow } }] : []);
  training = stage(world, model, { methods, ...(tasks ? { tasks } : {}) }).training;
  try {
    await run(training);
    return digest(model);
  } finally {
    release(model);
  }
}

const entriesOf = (of: Tensor): readonly (readonly number[])[] => {
  const [rows = 0, width = 0] = of.shape;
  const all = readFloats(of);
  return Array.from({ length: rows }, (_, i) => Array.from(all.subarray(i * width, (i + 1) * width)));
};
const meanCrossEntropy = (logits: readonly (readonly number[])[]): number =>
  logits.reduce((sum, row, i) => sum + Math.log(row.reduce((total, each) => total + Math.exp(each), 0)) - (row[i] as number), 0) /
  logits.length;

/** The contrastive loss of rows, in plain numbers. */
async function lossOf(training: Training, task: TaskContext, rows: readonly TrainingRow[]): Promise<number> {
  let loss = Number.NaN;
  for await (const batch of rowBatches(training, [rows]))
    loss = scope(() => {
      const compute = computeWeights(task.model, "fp32");
      const { image, text } = embedUnder(compute, batch);
      const scale = Math.exp(item(compute.weights.get("logit_scale") as Tensor));
      const [images, texts] = [entriesOf(image), entriesOf(text)];
      const logits = images.map((a) => texts.map((b) => scale * a.reduce((sum, entry, e) => sum + entry * (b[e] as number), 0)));
      return (meanCrossEntropy(logits) + meanCrossEntropy(logits.map((_, i) => logits.map((row) => row[i] as number)))) / 2;
    });
  return loss;
}

test("a probe is the contrastive loss of the task's rows of pretraining, the same for the same weights, and changes nothing", async () => {
  const plain = await train();
  const before = memory().tensors;
  const found: (readonly number[] | undefined)[] = [];
  const byHand: number[] = [];
  const looked = await train(async (expert, task, training) => {
    const scale = scope(() => keep(mulNumber(expert.get("logit_scale") as Tensor, 2)));
    const other = new Map([...expert, ["logit_scale", scale]]);
    found.push(await task.probe([expert, other, expert]), await task.probe([expert]));
    release(scale);
    const work = training.tasks[task.task] as TaskWork;
    const rows = Array.from({ length: work.steps }, (_, step) => work.rowsAt(step)).flat();
    byHand.push(
      await lossOf(
        training,
        task,
        rows.filter(({ source }) => source === "pretraining"),
      ),
    );
  });
  expect(looked).toBe(plain);
  expect(memory().tensors).toBe(before);
  expect(found).toHaveLength(4);
  for (const [i, expected] of byHand.entries()) {
    const [[fresh = Number.NaN, other, again] = [], alone] = found.slice(2 * i) as [readonly number[], readonly number[]];
    expect(fresh).toBeCloseTo(expected, 5);
    expect([again, ...alone]).toEqual([fresh, fresh]);
    expect(other).not.toBe(fresh);
  }
});

test("there is none where a task draws no such rows, or one alone", async () => {
  const found: unknown[] = [];
  const tasks = stage(world, startModel(undefined)).training.tasks.map(
    (work, task): TaskWork => ({
      ...work,
      rowsAt: (step) => work.rowsAt(step).map((row) => (task === 1 && step === 0 ? row : { ...row, source: "update" })),
    }),
  );
  await train(async (expert, task) => void found.push(await task.probe([expert])), tasks);
  expect(found).toEqual([undefined, undefined]);
});
