import * as entries from "../../src/engine/entries.ts";
import { grad, requireGrad } from "../../src/engine/grad.ts";
import { type Argument, observe, operator } from "../../src/engine/operator.ts";
import * as ops from "../../src/engine/ops.ts";
import { release, scope } from "../../src/engine/scope.ts";
import { read, Tensor, tensor } from "../../src/engine/tensor.ts";
import { computeWeights, embedImage, embedText } from "../../src/models/clip.ts";
import siglip from "../../src/nn/objectives/siglip.ts";
import { createLearner, learn } from "../../src/training/step.ts";
import { drawn, type SmallKind, smallBatch, smallModel, stepOptions } from "./small-models.ts";

type Recorded = { readonly tensor: object } | number | boolean | string | null | object | readonly Recorded[];
/** Different argument lists of each operator; more of one kind teach nothing. */
export type Recording = readonly (readonly [operator: string, lists: readonly (readonly Recorded[])[]])[];
const listsAtMost = 12;

/** The operators of steps and evaluations of both kinds of model in both precisions, and of every function of ops.ts, with what they were given. */
export function record(): Recording {
  const found = new Map<string, Map<string, readonly Recorded[]>>();
  const stop = observe((name, args) => {
    const lists = found.get(name) ?? new Map<string, readonly Recorded[]>();
    found.set(name, lists);
    if (lists.size >= listsAtMost) return;
    const described = args.map((each) => describe(each));
    lists.set(JSON.stringify(described), described);
  });
  try {
    for (const kind of ["vit", "resnet"] as const)
      for (const precision of ["fp32", "bf16"] as const) {
        steps(kind, precision);
        evaluation(kind, precision);
      }
    scope(() => everyFunction());
  } finally {
    stop();
  }
  return [...found].map(([name, lists]) => [name, [...lists.values()]] as const).sort(([a], [b]) => (a < b ? -1 : 1));
}

function describe(value: Argument): Recorded {
  if (value instanceof Tensor) {
    const { shape, dtype, size } = value;
    const isIndex = /int/.test(dtype) && size <= 512 && value.device !== "meta";
    return { tensor: { shape: [...shape], dtype, ...(isIndex ? { values: Array.from(read(value), Number) } : {}) } };
  }
  if (Array.isArray(value)) return value.slice(0, 6).map(describe);
  return (value ?? null) as Recorded;
}

function steps(kind: SmallKind, precision: "fp32" | "bf16"): void {
  for (const more of [{}, { objective: siglip }, { microBatch: 1, checkpointing: true }])
    scope(() => {
      const learner = createLearner(smallModel(kind), stepOptions({ precision, ...more }));
      learn(learner, smallBatch(kind, 2), { multiplier: 1, step: 0 });
      release(learner.moments);
    });
}

function evaluation(kind: SmallKind, precision: "fp32" | "bf16"): void {
  scope(() => {
    const model = computeWeights(smallModel(kind), precision);
    const { pixels, texts } = smallBatch(kind, 2);
    const logits = ops.linear(embedImage(model, pixels), embedText(model, texts));
    ops.argmax(logits, 1);
  });
}

function everyFunction(): void {
  const [a, b] = [drawn([3, 4]), drawn([3, 4], 2)];
  const image = drawn([2, 3, 8, 8]);
  const halves = [1, 2, 3].map((seed) => ops.to(drawn([1, 2, 4, 8], seed), "bfloat16")) as [Tensor, Tensor, Tensor];
  requireGrad([a]);
  for (const f of [ops.add, ops.sub, ops.mul, ops.div]) grad([ops.sum(f(a, b))], [a]);
  for (const f of [ops.neg, ops.exp, ops.sigmoid, ops.logSigmoid, ops.relu, ops.gelu, ops.quickGelu, ops.sum, ops.mean]) f(b);
  for (const f of [ops.addNumber, ops.mulNumber, ops.divNumber]) f(b, 2);
  ops.matmul(b, ops.transpose(b, 0, 1));
  for (const f of [ops.sumOver, ops.meanOver]) f(b, [1], true);
  ops.conv2d(image, drawn([4, 3, 3, 3]), { stride: 2, padding: 1, bias: drawn([4]) });
  ops.avgPool2d(image, 2);
  ops.attention(...halves, "earlier");
  ops.embedding(b, tensor([0, 2], [2], "int32"));
  ops.crossEntropy(b, tensor([0, 1, 3], [3], "int64"));
  ops.stack([a, b], 0);
  ops.copyInto(ops.clone(b), a);
  ops.clampInPlace(ops.clone(b), 0, 1);
  ops.toDevice(b, "meta");
  ops.fusedSgd({
    weights: [ops.clone(b)],
    gradients: [b],
    momenta: [ops.zerosLike(b)],
    rate: 0.1,
    decay: 0.1,
    momentum: 0.9,
    isFirst: true,
  });
  const rows = [ops.select(a, 0, 0), ops.to(ops.select(b, 0, 1), "bfloat16"), ops.to(ops.select(b, 0, 2), "float16")] as const;
  for (const terms of [rows, [rows[1], b]]) entries.sumOfRows(terms, [0.5, 1, -2, 3].slice(0, terms === rows ? 3 : 4));
  entries.squaredDistances(rows, rows[0]);
  for (const each of [...rows, b]) entries.isAllFinite(each);
  for (const terms of [rows, [rows[1], b]]) {
    const count = terms === rows ? 3 : 4;
    entries.addProducts(ops.zeros([(count * (count + 1)) / 2, entries.productLanes], "float64"), terms, 5);
  }
  rowsOf(entries.taskVectors(rows, rows[0], [1, 2, 0.5]));
  const heads = [1, 2, 3].map((seed) => drawn([1, 2, 4, 8], seed));
  operator("aten::_scaled_dot_product_flash_attention_for_cpu")(...heads, 0, true);
  operator("aten::where.self")(tensor([1, 0, 1], [3, 1], "bool"), b, b);
}

/** What merging does with task vectors [3, 4]. */
function rowsOf(vectors: Tensor): void {
  const at = { entry: 2 ** 32 - 1, step: 1, task: 2 };
  entries.philoxWords(5, at, [3, 2 ** 31]);
  entries.dropByLot(ops.clone(vectors), 0.5, at, [3, 4]);
  for (const known of [0, 16, 31] as const)
    entries.countMagnitudes(vectors, { known, prefixes: known === 0 ? [0, 0, 0] : [0, 1, 16_000] }, () => undefined);
  for (const side of ["smallest", "largest"] as const)
    entries.cutRows(ops.clone(vectors), side, [
      { magnitude: 0.5, from: 0, to: 4 },
      { magnitude: 0, from: 1, to: 1 },
      { magnitude: 2, from: 2, to: 3 },
    ]);
  for (const count of [2, 4])
    for (const more of ["count", "furthest"] as const) {
      const sides = ops.zeros([count, 4]);
      entries.addSides(sides, vectors, more);
      entries.electedOf(sides, -1, more);
    }
}
