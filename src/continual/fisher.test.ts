import { afterAll, describe, expect, test } from "vitest";
import { ownClipLoss, type SampleNumber, sampleLoop, worstError } from "../../test/fixtures/continual/sample-loop.ts";
import { taskOver } from "../../test/fixtures/continual/task.ts";
import { tinyBatch, tinyModel } from "../../test/fixtures/training/tiny.ts";
import { add, addNumber, concat, crossEntropy, exp, linear, mul, mulNumber, normalize, slice } from "../engine/ops.ts";
import { keep, release, scope } from "../engine/scope.ts";
import { readFloats, type Tensor, tensor, type Weights } from "../engine/tensor.ts";
import { parseModelConfig } from "../models/architecture.ts";
import { type Clip, computeWeights } from "../models/clip.ts";
import { initialiseModel } from "../models/load.ts";
import clip from "../nn/objectives/clip.ts";
import { createRandom } from "../util/random.ts";
import { diagonalFisher } from "./fisher.ts";
import { lossAndGradients, type PairBatch } from "./gradients.ts";
import { allWeights } from "./learned.ts";
import type { RunFacts } from "./method.ts";
import lora from "./methods/lora.ts";
import { asLeaves } from "./sample-gradients.ts";

const model = tinyModel();
afterAll(() => release(model));
const square = (entry: number): number => entry * entry;

const fisherOf = (run: Partial<RunFacts> = {}, of: Clip = model, batch: () => PairBatch = tinyBatch): Promise<Weights> =>
  diagonalFisher(taskOver(of, { run, batches: [batch] }), { fisher: "sample", maxSamples: 8 });

/** The Fisher information of a model of another kind against the loop over samples. */
async function expectAsLoop(of: Clip, at: { batch?: () => PairBatch; run?: Partial<RunFacts>; number?: SampleNumber } = {}): Promise<void> {
  const expected = scope(() => sampleLoop(of, (at.batch ?? tinyBatch)(), { measure: square, number: at.number ?? ownClipLoss }));
  const fisher = await fisherOf(at.run, of, at.batch);
  expect([...fisher.keys()]).toEqual([...allWeights(of).keys()]);
  const { name, error } = worstError(fisher, expected);
  expect(error, name).toBeLessThan(1e-5);
  release(fisher);
}

const textConfig = { context_length: 8, vocab_size: 40, width: 32, heads: 2, layers: 2 };
const modelOf = (vision: object): Clip =>
  initialiseModel(parseModelConfig({ embed_dim: 16, vision_cfg: vision, text_cfg: textConfig }, "other"), createRandom(5)).model;

describe("the Fisher information by sample is that of a backward pass for each sample", () => {
  const expected = scope(() => sampleLoop(model, tinyBatch(), { measure: square, number: ownClipLoss }));
  test.each([
    ["at once", {}],
    ["three samples at a time", { microBatch: 3 }],
    ["one sample at a time", { microBatch: 1 }],
  ])("%s, for every parameter", async (_, run) => {
    const fisher = await fisherOf(run);
    expect([...fisher.keys()]).toEqual([...model.weights.keys()]);
    const { name, error } = worstError(fisher, expected);
    expect(error, name).toBeLessThan(1e-5);
    release(fisher);
  });
});

test("so it is pair by pair, for an objective that knows no other way", async () => {
  const { ownLosses: _, ...plain } = clip;
  await expectAsLoop(model, { run: { objective: plain } });
});

test("so it is of a tower that begins with convolutions", async () => {
  const other = modelOf({ image_size: 16, layers: 1, width: 32, head_width: 16, patch_size: 8, conv_stem: [4, 6] });
  await expectAsLoop(other, { run: { microBatch: 3 } });
  release(other);
});

test("and of a convolutional tower and of adapters, whose parameters take a pass for each sample", async () => {
  const resnet = modelOf({ image_size: 32, layers: [1, 1, 1, 1], width: 4, head_width: 16 });
  const pixels = (): PairBatch => {
    const batch = tinyBatch();
    return { ...batch, pixels: scope(() => concat([concat([batch.pixels, batch.pixels], 2), concat([batch.pixels, batch.pixels], 2)], 3)) };
  };
  await expectAsLoop(resnet, { batch: pixels });
  release(resnet);
  const method = lora.build(lora.options.parse({ r: 2, targetModules: ["v", "out"] }));
  const adapters = scope(() => keep(method.adapt?.(model, { task: 0, random: createRandom(1) })));
  if (!adapters) throw new Error("no adapters");
  // B is zero at first; with it so, A has no gradient.
  const moved = scope(() => keep(new Map([...adapters.weights].map(([name, weight]) => [name, addNumber(weight, 0.01)]))));
  await expectAsLoop({ ...model, adapters: { ...adapters, weights: moved } });
  release([adapters.weights, moved]);
});

/** ½ (row + column) with pairs left out of both. */
const withoutPairs =
  (excluded: readonly (readonly [number, number])[]): SampleNumber =>
  ({ image, text, all, sample, logitScale }) => {
    const own = { image: normalize(image), text: normalize(text) };
    const isOut = (i: number, j: number): boolean => excluded.some(([a, b]) => a === i && b === j);
    const side = (asking: Tensor, others: Tensor, at: { mine: Tensor; out: (other: number) => boolean }): Tensor => {
      const kept = Array.from({ length: others.shape[0] ?? 0 }, (_, j) => j).filter((j) => j !== sample && !at.out(j));
      const answers = concat([at.mine, ...kept.map((j) => slice(others, 0, j, j + 1))], 0);
      return crossEntropy(mul(linear(asking, answers), exp(logitScale)), tensor([0], [1], "int64"));
    };
    const row = side(own.image, all.text, { mine: own.text, out: (j) => isOut(sample, j) });
    const column = side(own.text, all.image, { mine: own.image, out: (j) => isOut(j, sample) });
    return mulNumber(add(row, column), 0.5);
  };

test("pairs that are no negatives are none of a sample's own loss either", async () => {
  const pairs = [
    [0, 7],
    [7, 0],
    [2, 5],
  ] as const;
  const batch = (): PairBatch => ({ ...tinyBatch(), excluded: pairs.map(([i, j]) => i * 8 + j) });
  await expectAsLoop(model, { batch, number: withoutPairs(pairs) });
});

test("in bfloat16 it is near that in float32", async () => {
  const [exact, rounded] = [await fisherOf(), await fisherOf({ precision: "bf16" })];
  const norm = (of: Iterable<number>): number => Math.hypot(...of);
  for (const [name, values] of exact) {
    const [a, b] = [readFloats(values), readFloats(rounded.get(name) as never)];
    // Key biases have no gradient but what rounding gives them: their part of the fused bias is small.
    expect(norm(a.map((value, i) => value - (b[i] ?? 0))) / norm(a), name).toBeLessThan(0.1);
  }
  release([exact, rounded]);
});

test("the published form is the mean over batches of the squared gradient of each one's loss", async () => {
  const second = (): PairBatch => tinyBatch({ seed: 2 });
  const fisher = await diagonalFisher(taskOver(model, { batches: [tinyBatch, second], run: { microBatch: 3 } }), {
    fisher: "batch",
    maxSamples: 16,
  });
  scope(() => {
    const compute = asLeaves(computeWeights(model, "fp32"));
    const leaves = [...compute.weights.values()];
    const [one, two] = [tinyBatch(), second()].map(
      (batch) => lossAndGradients(compute, batch, leaves, { objective: clip, checkpointing: false }).gradients,
    );
    for (const [i, [name, values]] of [...fisher].entries()) {
      const [a, b] = [readFloats(one?.[i] as Tensor), readFloats(two?.[i] as Tensor)];
      const expected = a.map((entry, at) => (square(entry) + square(b[at] ?? 0)) / 2);
      const most = Math.max(1e-7, ...expected);
      const apart = readFloats(values).map((value, at) => Math.abs(value - (expected[at] ?? 0)) / most);
      expect(Math.max(...apart), name).toBeLessThan(1e-5);
    }
  });
  release(fisher);
});
