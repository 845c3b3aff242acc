import { afterEach, expect, test } from "vitest";
import { disturb, folded, methodsOf, withAdapters, worstOf } from "../../../test/fixtures/training/adapted.ts";
import { openWorld, runUntil, stepsOf } from "../../../test/fixtures/training/stage.ts";
import { tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { borrow, release } from "../../engine/scope.ts";
import { readFloats, type Tensor, type Weights } from "../../engine/tensor.ts";
import type { Clip } from "../../models/clip.ts";
import type { MethodStates, Methods } from "../compose.ts";
import type { TaskContext } from "../method.ts";

const site = "visual.transformer.resblocks.1.mlp.c_proj.weight";
const released: unknown[] = [];
afterEach(() => release(released.splice(0)));

interface Ended {
  readonly model: Clip;
  readonly states: MethodStates;
  readonly deploy: Weights;
}

/** The ends of two tasks whose adapters hold known numbers; `origin` is what the run began with. */
async function twoTasks(methods: Methods, origin: Clip): Promise<readonly [Ended, Ended]> {
  const ends: Ended[] = [];
  let states: MethodStates = await methods.init({} as TaskContext);
  for (const task of [0, 1]) {
    const model = withAdapters(origin, methods, { task });
    disturb(model, task === 0 ? /lora_B/ : /lora_[AB]/, 0.2 + task);
    const context = { task, model, origin: async () => borrow(origin.weights) } as unknown as TaskContext;
    states = await methods.endTask(context, states);
    const { deploy, start } = await methods.flow(new Map(), context, states);
    expect(start).toBe(origin.weights);
    ends.push({ model, states, deploy: deploy as Weights });
    released.push(
      model.adapters,
      [...(deploy as Weights).values()].filter((each) => ![...origin.weights.values()].includes(each)),
    );
  }
  released.push(states, origin);
  return ends as [Ended, Ended];
}

const floats = (weights: Weights | undefined, name: string): Float32Array => readFloats(weights?.get(name) as Tensor);

test("shipped is W0 + s·B A after the first task, W0 + s·mean of B A after the second", async () => {
  const origin = tinyModel();
  const [first, second] = await twoTasks(await methodsOf("lora-per-task", { r: 3, loraAlpha: 6 }), origin);
  const [one, two] = [first, second].map(({ model }) => folded(model));
  released.push(
    [one, two].map((each) => [...(each?.weights.values() ?? [])].filter((value) => ![...origin.weights.values()].includes(value))),
  );
  expect(worstOf(floats(first.deploy, site), floats(one?.weights, site))).toBeLessThan(1e-7);
  const mean = floats(one?.weights, site).map((value, i) => (value + (floats(two?.weights, site)[i] ?? 0)) / 2);
  expect(worstOf(floats(second.deploy, site), mean)).toBeLessThan(1e-6);
  expect(second.deploy.get("text_projection")).toBe(origin.weights.get("text_projection"));
});

test("mean-factor ships the product of the factors' means", async () => {
  const origin = tinyModel();
  const [first, second] = await twoTasks(await methodsOf("lora-per-task", { r: 2, deploy: "mean-factor" }), origin);
  const [a, b] = ["lora_A", "lora_B"].map((own) => {
    const [x, y] = [first, second].map(({ model }) => floats(model.adapters?.weights, `adapter.${site}.proj.${own}`));
    return x?.map((value, i) => (value + (y?.[i] ?? 0)) / 2);
  }) as [Float32Array, Float32Array];
  const base = floats(origin.weights, site);
  const expected = base.map(
    (value, at) => value + [0, 1].reduce((sum, k) => sum + (b[Math.floor(at / 128) * 2 + k] ?? 0) * (a[k * 128 + (at % 128)] ?? 0), 0),
  );
  expect(worstOf(floats(second.deploy, site), expected)).toBeLessThan(1e-6);
});

test("a tuned logit scale is shipped as the tasks' mean", async () => {
  const methods = await methodsOf("lora-per-task", { tuneLogitScale: true });
  const origin = tinyModel();
  const [{ states }, { deploy }] = await twoTasks(methods, origin);
  const [{ experts }] = states as unknown as readonly [{ readonly experts: readonly Weights[] }];
  expect(experts[0]?.has("logit_scale")).toBe(true);
  expect(experts[0]?.has("text_projection")).toBe(false);
  // Neither task moved it here, so the mean is what it was.
  expect(floats(deploy, "logit_scale")).toEqual(floats(origin.weights, "logit_scale"));
  expect(deploy.get("logit_scale")).not.toBe(origin.weights.get("logit_scale"));
});

test("max-logit keeps each task's model with its statistics as a file, ships all of them and remembers nothing", async () => {
  const methods = await methodsOf("lora-per-task", { deploy: "max-logit" });
  const origin = tinyModel();
  const put: [string, Weights][] = [];
  const statistics = new Map([["bn.running_mean", origin.weights.get("logit_scale") as Tensor]]);
  const experts = { put: (...each: [string, Weights]) => void put.push(each) };
  for (const task of [0, 1]) {
    const context = {
      task,
      model: { ...origin, buffers: statistics },
      origin: async () => origin.weights,
      experts,
    } as unknown as TaskContext;
    const expert: Weights = new Map(origin.weights);
    const { deploy, start, state, lineage } = await methods.flow(expert, context, await methods.init(context));
    expect([deploy, start, state]).toEqual([undefined, origin.weights, [null]]);
    expect(put[task]).toEqual([`task-${task + 1}`, new Map([...expert, ...statistics])]);
    expect(lineage?.made[0]?.of.map(({ weights }) => weights)).toEqual(["task-1", "task-2"].slice(0, task + 1));
  }
  expect([0, 1].map((task) => methods.ensemble(task))).toEqual([[], ["task-1", "task-2"]]);
  released.push(origin);
});

test("in the second task the first one's adapters are remembered", async () => {
  const world = await openWorld();
  try {
    const methods = await methodsOf("lora-per-task", { r: 2 });
    const { position } = await runUntil(world, stepsOf[0] + 1, { methods });
    expect(position.task).toBe(1);
    const [{ experts }] = position.methods as unknown as readonly [
      { readonly experts: readonly { readonly $weights: readonly unknown[] }[] },
    ];
    // Two blocks in each of two towers, four parts a block, A and B.
    expect(experts.map((one) => one.$weights.length)).toEqual([2 * 2 * 4 * 2]);
  } finally {
    await world.close();
  }
});
