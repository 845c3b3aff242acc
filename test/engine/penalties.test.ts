import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compose, type Methods } from "../../src/continual/compose.ts";
import { lossAndGradients } from "../../src/continual/gradients.ts";
import { methods as catalogue } from "../../src/continual/method.ts";
import { snapshot } from "../../src/continual/snapshot.ts";
import { memory } from "../../src/engine/memory.ts";
import { clone, mul, sub, sum } from "../../src/engine/ops.ts";
import { release, scope } from "../../src/engine/scope.ts";
import { item, type Tensor, type Weights } from "../../src/engine/tensor.ts";
import type { Clip } from "../../src/models/clip.ts";
import sgd from "../../src/nn/optimizers/sgd.ts";
import { closeLearner, createLearner, learn, type StepOptions } from "../../src/training/step.ts";
import { taskOver } from "../fixtures/continual/task.ts";
import { digest, goOn, openWorld, run, runUntil, stage, type World } from "../fixtures/training/stage.ts";
import { tinyBatch, tinyModel, tinyOptions } from "../fixtures/training/tiny.ts";

// Springs on weights in whole runs of two tasks.

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

type Listed = Readonly<Record<string, object>>;

async function built(listed: Listed): Promise<Methods> {
  const list = [];
  for (const [name, options] of Object.entries(listed)) {
    const definition = await catalogue.load(name);
    list.push({ name, method: definition.build(definition.options.parse(options)) });
  }
  return compose(list);
}

/** Trains to the end; digests of what was scored, adapters folded in. */
async function whole(listed: Listed): Promise<readonly string[]> {
  const model = tinyModel();
  const { training, scored } = stage(world, model, { methods: await built(listed) });
  await run(training);
  release(model);
  return scored;
}

describe.each<[string, Listed, Listed]>([
  ["ewc beside lora", { lora: { r: 4 }, ewc: { lambda: 1e6 } }, { lora: { r: 4 } }],
  ["ewc beside si", { ewc: { lambda: 1e6 }, si: { c: 1e6 } }, { ewc: { lambda: 1e6 } }],
])("%s", (_, listed, without) => {
  test.each([2, 4])("stopped after step %i and gone on with, ends with the same bits and leaves nothing", async (stopAt) => {
    const expected = await whole(listed);
    const before = memory().tensors;
    const saved = await runUntil(world, stopAt, { methods: await built(listed) });
    const { stage: on } = await goOn(world, saved, { methods: await built(listed) });
    expect(on.scored).toEqual(expected.slice(-on.scored.length));
    expect(memory().tensors).toBe(before);
  });

  test("does something", async () => {
    expect((await whole(listed)).at(-1)).not.toBe((await whole(without)).at(-1));
  });
});

describe("a Fisher's last batch that is not full", () => {
  /** A run whose tasks have so many samples of their own; batches are of four. */
  async function ended(samples: number): Promise<string> {
    const model = tinyModel();
    const { training } = stage(world, model, { methods: await built({ ewc: { lambda: 1e6 } }) });
    const tasks = training.tasks.map((task) => ({
      ...task,
      sampleRows: () => task.rowsAt(0).concat(task.rowsAt(1), task.rowsAt(2)).slice(0, samples),
    }));
    await run({ ...training, tasks });
    const found = digest(model);
    release(model);
    return found;
  }

  test("is dropped", async () => {
    const eight = await ended(8);
    expect(await ended(11)).toBe(eight);
    expect(await ended(12)).not.toBe(eight);
  });
});

/** Squared way of all weights in a second task, or from the start of the run, by plain gradient descent. */
async function drift(listed: Listed, since: "task" | "run" = "task"): Promise<number> {
  const methods = await built(listed);
  const model = tinyModel();
  const batches = [tinyBatch, () => tinyBatch({ seed: 1 })];
  const origin = snapshot(model.weights);
  let states = await methods.init(taskOver(model, { origin }));
  let between: Weights = new Map();
  for (const task of [0, 1]) {
    const context = taskOver(model, { task, batches, origin });
    states = await methods.startTask(context, states);
    release(between);
    between = snapshot(model.weights);
    states = taught(model, { methods, states, task });
    if (task === 0) states = await methods.endTask(context, states);
  }
  const way = [...model.weights].reduce(
    (total, [name, weight]) => total + squaredDistance(weight, (since === "task" ? between : origin).get(name) as Tensor),
    0,
  );
  release([model, between, states, origin]);
  return way;
}

const plainDescent = (learningRate: number): StepOptions => ({
  ...tinyOptions,
  optimizer: sgd,
  optimizerOptions: { momentum: 0 },
  clipNorm: 0,
  group: () => ({ learningRate, decay: 0 }),
});

const squaredDistance = (a: Tensor, b: Tensor): number =>
  scope(() => {
    const apart = sub(a, b);
    return item(sum(mul(apart, apart)));
  });

function taught(model: Clip, at: { methods: Methods; states: Awaited<ReturnType<Methods["init"]>>; task: number }) {
  const learner = createLearner(model, plainDescent(0.05), { methods: at.methods });
  let { states } = at;
  for (let step = 0; step < 6; step++) {
    const batch = tinyBatch({ seed: 10 * at.task + (step % 2) });
    const result = learn(learner, batch, { multiplier: 1, step, at: { task: at.task, step }, states });
    expect(result.applied).toBe(true);
    states = result.states;
    release(batch.pixels);
  }
  closeLearner(learner);
  return states;
}

test.each([
  ["ewc", "lambda", [0, 1, 4], "task"],
  ["mas", "lambda", [0, 0.05, 0.2], "task"],
  ["si", "c", [0, 0.5, 2], "task"],
  // It holds in the first task already.
  ["l2", "lambda", [0, 1, 4], "run"],
] as const)("%s: the larger %s, the smaller the drift", async (name, option, strengths, since) => {
  const ways = [];
  for (const strength of strengths) ways.push(await drift({ [name]: { [option]: strength } }, since));
  const [free = 0, some = 0, most = 0] = ways;
  expect(free).toBe(await drift({ finetune: {} }, since));
  expect(some, `${ways}`).toBeLessThan(free);
  expect(most, `${ways}`).toBeLessThan(some);
});

test("a-gem steps by the rows that are not replayed, and never against those that are", async () => {
  const methods = await built({ "a-gem": {} });
  const model = tinyModel();
  const roles = ["buffer", "update", "buffer", "update", "update", "buffer", "update", "update"] as const;
  const rows = roles.map((role, i) => ({ id: `set/${i}`, role, caption: "" }));
  for (const seed of [1, 2, 3]) {
    const learner = createLearner(model, plainDescent(1e-3), { methods });
    scope(() => {
      const batch = tinyBatch({ seed });
      const [own, replayed] = [
        [1, 3, 4, 6, 7],
        [0, 2, 5],
      ].map((contrastive) =>
        lossAndGradients(learner.compute, batch, learner.leaves, {
          objective: tinyOptions.objective,
          checkpointing: false,
          plan: { contrastive },
        }),
      );
      const before = learner.slots.map(({ weight }) => clone(weight));
      const result = learn(learner, batch, { multiplier: 1, step: 0, rows, states: [null] });
      expect(result.loss).toBe(own?.loss);
      const along = learner.slots.reduce((total, { weight }, i) => {
        const reference = replayed?.gradients[i];
        return total + (reference ? item(sum(mul(sub(weight, before[i] as Tensor), reference))) : 0);
      }, 0);
      // To first order the replayed rows' loss does not rise.
      expect(along).toBeLessThan(1e-7);
    });
    closeLearner(learner);
  }
  release(model);
});
