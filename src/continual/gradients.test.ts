import { afterAll, describe, expect, test } from "vitest";
import { tinyBatch, tinyModel, tinyOptions } from "../../test/fixtures/training/tiny.ts";
import { engineInfo } from "../engine/facts.ts";
import { requireGrad } from "../engine/grad.ts";
import { mulNumber } from "../engine/ops.ts";
import { release, scope } from "../engine/scope.ts";
import { readFloats } from "../engine/tensor.ts";
import { computeWeights } from "../models/clip.ts";
import { type GradientOptions, lossAndGradients, type PairBatch } from "./gradients.ts";

const model = tinyModel();
afterAll(() => release(model));

interface Result {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float64Array>;
}

function differentiate(
  options: Partial<GradientOptions> = {},
  make: () => PairBatch = tinyBatch,
  learns: (name: string) => boolean = () => true,
): Result {
  return scope(() => {
    const compute = computeWeights(model, "fp32", "moving");
    const learning = [...compute.weights].filter(([name]) => learns(name));
    const leaves = learning.map(([, weight]) => weight);
    requireGrad(leaves);
    const { loss, gradients } = lossAndGradients(compute, make(), leaves, { ...tinyOptions, ...options });
    requireGrad(leaves, false);
    const named = learning.map(([name], i) => {
      const gradient = gradients[i];
      return [name, Float64Array.from(gradient?.dtype === "float32" ? readFloats(gradient) : [])] as const;
    });
    return { loss, gradients: new Map(named) };
  });
}

const norm = (values: Iterable<number>): number => Math.sqrt([...values].reduce((sum, value) => sum + value * value, 0));

/** ‖a − b‖ / ‖b‖ over all parameters together; a parameter that has no gradient makes it NaN. */
function distance(a: Result, b: Result): number {
  const differences = [...b.gradients].map(([name, expected]) =>
    norm(expected.map((value, i) => value - (a.gradients.get(name)?.[i] ?? Number.NaN))),
  );
  return norm(differences) / norm([...b.gradients.values()].map(norm));
}

/** The same by parameter, the largest. Key biases, whose true gradient is zero, are measured by a thousandth of the whole. */
function worst(a: Result, b: Result): { readonly name: string; readonly error: number } {
  const least = 1e-3 * norm([...b.gradients.values()].map(norm));
  const errors = [...b.gradients].map(([name, expected]) => {
    const error = norm(expected.map((value, i) => value - (a.gradients.get(name)?.[i] ?? Number.NaN)));
    return { name, error: error / Math.max(least, norm(expected)) };
  });
  return errors.reduce((largest, each) => (each.error > largest.error || Number.isNaN(each.error) ? each : largest));
}

/** Roundings of MKL's AVX2 kernels reach 1.004e-6 where the text tower alone learns. */
const whole = engineInfo().instructions === "AVX2" ? 1.1e-6 : 1e-6;

/** Within that as a whole, and each parameter within a few roundings of float32 sums. */
function expectSame(a: Result, b: Result): void {
  expect(Math.abs(a.loss - b.loss) / b.loss).toBeLessThan(1e-6);
  expect(distance(a, b)).toBeLessThan(whole);
  const { name, error } = worst(a, b);
  expect(error, name).toBeLessThan(3e-6);
}

describe("the gradient of a batch is the same", () => {
  const direct = differentiate();
  test.each([
    ["in micro-batches of 3", { microBatch: 3 }],
    ["one pair at a time", { microBatch: 1 }],
    ["with activations computed again", { checkpointing: true }],
    ["in micro-batches with activations computed again", { microBatch: 3, checkpointing: true }],
  ])("%s", (_, options) => {
    expectSame(differentiate(options), direct);
  });

  test("with a text that two pairs share encoded once or for each", () => {
    expectSame(
      differentiate({}, () => tinyBatch({ repeated: true })),
      direct,
    );
  });

  test("with pairs that are no negatives, cut or whole; and not that of the batch without such pairs", () => {
    const excluded = (): PairBatch => ({ ...tinyBatch(), excluded: [7, 7 * 8] });
    const whole = differentiate({}, excluded);
    const cut = differentiate({ microBatch: 3, checkpointing: true }, excluded);
    expectSame(cut, whole);
    expect(distance(whole, direct)).toBeGreaterThan(1e-2);
    expect(whole.loss).toBeLessThan(direct.loss);
  });

  test("and reaches every parameter", () => {
    expect([...direct.gradients].filter(([, values]) => values.length === 0 || values.every((value) => value === 0))).toEqual([]);
  });
});

describe.each([
  ["the text tower", (name: string) => !name.startsWith("visual.")],
  ["the image tower", (name: string) => name.startsWith("visual.")],
  ["the temperature", (name: string) => name === "logit_scale"],
  ["the last block of each tower", (name: string) => name.includes("resblocks.1.")],
] as const)("where %s alone learns, the gradient is the same", (_, learns) => {
  const direct = differentiate({}, tinyBatch, learns);
  test.each([
    ["in micro-batches of 3", { microBatch: 3 }],
    ["with activations computed again", { checkpointing: true }],
    ["in micro-batches with activations computed again", { microBatch: 3, checkpointing: true }],
  ])("%s", (__, options) => {
    expect(direct.gradients.size).toBeGreaterThan(0);
    expectSame(differentiate(options, tinyBatch, learns), direct);
  });
});

test("a loss that is not finite comes without gradients, cut or whole", () => {
  const broken = (): PairBatch => {
    const batch = tinyBatch();
    return { ...batch, pixels: mulNumber(batch.pixels, Number.NaN) };
  };
  for (const options of [{}, { microBatch: 3 }]) {
    const { loss, gradients } = differentiate(options, broken);
    expect(loss).toBeNaN();
    expect([...gradients.values()].every((values) => values.length === 0)).toBe(true);
  }
});
