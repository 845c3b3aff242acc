import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { grad, requireGrad } from "../../src/engine/grad.ts";
import { meter } from "../../src/engine/meter.ts";
import * as ops from "../../src/engine/ops.ts";
import { release, scope } from "../../src/engine/scope.ts";
import { read, type Tensor, tensor } from "../../src/engine/tensor.ts";
import { parseModelConfig } from "../../src/models/architecture.ts";
import { type Clip, computeWeights, imageTower, textTower } from "../../src/models/clip.ts";
import { stateTensors } from "../../src/models/parameters.ts";
import clip from "../../src/nn/objectives/clip.ts";
import siglip from "../../src/nn/objectives/siglip.ts";
import { run } from "../../src/nn/tower.ts";
import { createLearner, learn } from "../../src/training/step.ts";
import { drawn, type SmallKind, smallBatch, smallConfigs, smallModel, stepOptions } from "./small-models.ts";

const layout = (each: Tensor | undefined): unknown => each && [each.shape, each.dtype];

/** Result and gradients of `work` over inputs on a device, as shapes and types. */
function layouts(device: string, inputs: readonly Tensor[], work: (...inputs: Tensor[]) => Tensor): unknown {
  return scope(() => {
    const moved = inputs.map((each) => ops.toDevice(each, device));
    const leaves = moved.filter((each) => /float/.test(each.dtype));
    requireGrad(leaves);
    const result = work(...moved);
    return [layout(result), grad([ops.sum(result)], leaves).map(layout)];
  });
}

type Case = readonly [title: string, shapes: readonly (readonly number[])[], work: (...inputs: Tensor[]) => Tensor];
const cases: readonly Case[] = [
  ["linear with bias", [[2, 3, 8], [5, 8], [5]], (x, w, b) => ops.linear(x as Tensor, w as Tensor, b)],
  ["layer norm", [[2, 3, 8], [8], [8]], (x, w, b) => ops.layerNorm(x as Tensor, w as Tensor, b as Tensor, 1e-5)],
  ["layer norm over one row", [[8], [8], [8]], (x, w, b) => ops.layerNorm(x as Tensor, w as Tensor, b as Tensor, 1e-5)],
  [
    "attention",
    [
      [2, 2, 5, 8],
      [2, 2, 5, 8],
      [2, 2, 5, 8],
    ],
    (q, k, v) => ops.attention(q as Tensor, k as Tensor, v as Tensor, "earlier"),
  ],
  [
    "attention of one query",
    [
      [2, 2, 1, 8],
      [2, 2, 5, 8],
      [2, 2, 5, 8],
    ],
    (q, k, v) => ops.attention(q as Tensor, k as Tensor, v as Tensor, "all"),
  ],
  [
    "attention, then heads joined",
    [
      [2, 2, 5, 8],
      [2, 2, 5, 8],
      [2, 2, 5, 8],
    ],
    (q, k, v) => ops.reshape(ops.transpose(ops.attention(q as Tensor, k as Tensor, v as Tensor, "all"), 1, 2), [2, 5, 16]),
  ],
  [
    "convolution",
    [[2, 3, 9, 9], [4, 3, 3, 3], [4]],
    (x, w, b) => ops.conv2d(x as Tensor, w as Tensor, { stride: 2, padding: 1, bias: b as Tensor }),
  ],
  [
    "convolution without padding",
    [
      [2, 3, 9, 7],
      [4, 3, 2, 2],
    ],
    (x, w) => ops.conv2d(x as Tensor, w as Tensor, { stride: 3 }),
  ],
  ["average pool", [[2, 3, 9, 9]], (x) => ops.avgPool2d(x as Tensor, 2)],
  ["relu", [[2, 3]], (x) => ops.relu(x as Tensor)],
  ["log sigmoid", [[2, 3]], (x) => ops.logSigmoid(x as Tensor)],
  ["exact GELU", [[2, 3]], (x) => ops.gelu(x as Tensor)],
  ["normalize", [[2, 3]], (x) => ops.normalize(x as Tensor)],
  ["cross entropy", [[3, 4]], (x) => ops.crossEntropy(x as Tensor, ops.toDevice(tensor([0, 1, 2], [3], "int64"), (x as Tensor).device))],
  [
    "embedding",
    [[10, 4]],
    (x) => ops.embedding(x as Tensor, ops.toDevice(tensor([0, 9, 9, 1, 2, 3], [2, 3], "int32"), (x as Tensor).device)),
  ],
  ["rows by index", [[10, 4]], (x) => ops.indexSelect(x as Tensor, 0, ops.toDevice(tensor([0, 9, 9], [3], "int64"), (x as Tensor).device))],
];

for (const [title, shapes, work] of cases)
  test(`${title}: shapes and types on meta are the processor's, gradients too`, () => {
    scope(() => {
      const inputs = shapes.map((shape, i) => drawn(shape, i + 1));
      expect(layouts("meta", inputs, work)).toEqual(layouts("cpu", inputs, work));
    });
  });

for (const training of [true, false])
  test(`batch norm ${training ? "in" : "out of"} training: the same`, () => {
    const work = (x: Tensor, weight: Tensor, bias: Tensor): Tensor => {
      const [mean, variance] = [ops.zeros([3], "float32", x.device), ops.full([3], 1, "float32", x.device)];
      return ops.batchNorm(x, { weight, bias, mean, variance, training });
    };
    scope(() => {
      const inputs = [drawn([2, 3, 4, 4]), drawn([3]), drawn([3])];
      expect(layouts("meta", inputs, work as Case[2])).toEqual(layouts("cpu", inputs, work as Case[2]));
    });
  });

test("bfloat16 with float32 norms: the same", () => {
  scope(() => {
    const inputs = [ops.to(drawn([2, 3, 8]), "bfloat16"), drawn([8]), drawn([8])];
    const normed: Case[2] = (x, w, b) => ops.layerNorm(x as Tensor, w as Tensor, b as Tensor, 1e-5);
    expect(layouts("meta", inputs, normed)).toEqual(layouts("cpu", inputs, normed));
    const heads = [1, 2, 3].map((seed) => ops.to(drawn([2, 2, 5, 8], seed), "bfloat16"));
    const attended: Case[2] = (q, k, v) => ops.attention(q as Tensor, k as Tensor, v as Tensor, "earlier");
    expect(layouts("meta", heads, attended)).toEqual(layouts("cpu", heads, attended));
  });
});

/** A model of shapes alone. */
function planned(modelConfig: unknown): Clip {
  const config = parseModelConfig(modelConfig, "meta");
  const state = stateTensors(config).map((each) => {
    const isCount = each.kind === "buffer" && each.dtype === "I64";
    return { ...each, value: ops.zeros(each.shape, isCount ? "int64" : "float32", "meta") };
  });
  const of = (kind: string): Map<string, Tensor> =>
    new Map(state.filter((each) => each.kind === kind).map(({ name, value }) => [name, value]));
  return { config, weights: of("parameter"), buffers: of("buffer") };
}

/** Loss and gradients of all weights of a batch of two, without a value being read. */
function plannedStep(
  model: Clip,
  precision: "fp32" | "bf16",
): { loss: Tensor; gradients: readonly (Tensor | undefined)[]; leaves: readonly Tensor[] } {
  const compute = computeWeights(model, precision, "moving");
  const leaves = [...compute.weights.values()];
  requireGrad(leaves);
  const side = model.config.vision.imageSize;
  const length = model.config.text.contextLength;
  const ids = new Int32Array(2 * length).fill(3);
  ids[length - 1] = 5;
  ids[2 * length - 1] = 5;
  const image = ops.normalize(run(imageTower(compute, ops.zeros([2, 3, side, side], "float32", "meta"))));
  const text = ops.normalize(run(textTower(compute, { ids, rows: 2, length })));
  const loss = clip.loss({ image, text, scale: ops.exp(compute.weights.get("logit_scale") as Tensor) });
  return { loss, gradients: grad([loss], leaves), leaves };
}

const preset = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../src/models/presets/${name}.json`, import.meta.url), "utf8"));
for (const [name, config] of Object.entries({
  ...smallConfigs,
  "mini-flux": preset("mini-flux"),
  "ViT-B-32": preset("ViT-B-32"),
  RN50: preset("RN50"),
}))
  for (const precision of ["fp32", "bf16"] as const)
    test(`${name} in ${precision}: loss and every gradient have a shape without any data`, () => {
      scope(() => {
        const { loss, gradients, leaves } = plannedStep(planned(config), precision);
        expect(loss.shape).toEqual([]);
        expect(gradients.map(layout)).toEqual(leaves.map(layout));
        expect(gradients.every((each) => each?.device === "meta")).toBe(true);
        expect(() => read(loss)).toThrow(/no data/);
      });
    });

for (const kind of Object.keys(smallConfigs) as SmallKind[])
  for (const precision of ["fp32", "bf16"] as const)
    test(`a planned ${kind} step in ${precision} has the FLOPs of the real one`, () => {
      const real = scope(() => {
        const learner = createLearner(smallModel(kind), stepOptions({ precision }));
        const { flops } = meter(() => learn(learner, smallBatch(kind, 2), { multiplier: 1, step: 0 }));
        release(learner.moments);
        return flops;
      });
      const plan = scope(() => meter(() => void plannedStep(planned(smallConfigs[kind]), precision)).flops);
      expect(plan).toBe(real);
    });

test("both losses, with pairs that do not count, have a gradient on meta", () => {
  scope(() => {
    for (const objective of [clip, siglip]) {
      const leaves = [
        ops.zeros([3, 4], "float32", "meta"),
        ops.zeros([3, 4], "float32", "meta"),
        ops.zeros([], "float32", "meta"),
      ] as const;
      requireGrad(leaves);
      const [image, text, scale] = leaves;
      expect(grad([objective.loss({ image, text, scale, excluded: [1] })], leaves).map(layout)).toEqual(leaves.map(layout));
    }
  });
});

test("norm of all gradients and the AdamW step run on meta", () => {
  scope(() => {
    const [weight, gradient, first, second] = [1, 2, 3, 4].map(() => ops.zeros([3, 2], "float32", "meta")) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    expect(layout(ops.globalNorm([gradient]))).toEqual([[], "float32"]);
    ops.fusedAdamW({
      weights: [weight],
      gradients: [gradient],
      first: [first],
      second: [second],
      copies: [null],
      rates: [0.1],
      decays: [0],
      betas: [0.9, 0.99],
      epsilon: 1e-8,
      step: 1,
      scale: ops.zeros([]),
    });
    expect(() => ops.globalNorm([ops.indexSelect(gradient, 5, gradient)])).toThrow(/index_select/);
  });
});

test("weights move to another device; on their own they are the same tensors", () => {
  scope(() => {
    const { weights } = smallModel("vit");
    const moved = ops.weightsToDevice(weights, "meta");
    expect([...moved].map(([name, each]) => [name, layout(each), each.device])).toEqual(
      [...weights].map(([name, each]) => [name, layout(each), "meta"]),
    );
    expect(ops.weightsToDevice(weights, "cpu")).toEqual(weights);
  });
});
