import { afterEach, describe, expect, test } from "vitest";
import { grad, requireGrad } from "./grad.ts";
import {
  activeKernels,
  defaultKernels,
  type KernelTable,
  kernelsFromEnvironment,
  narrowKernels,
  referenceKernels,
  useKernels,
} from "./kernels.ts";
import { one, operator } from "./operator.ts";
import { contiguous, fusedAdamW, gelu, globalNorm, linear, linearGelu, mul, permute, reshape, sum, to, transpose, zeros } from "./ops.ts";
import { scope } from "./scope.ts";
import { item, readFloats, scalar, type Tensor, tensor } from "./tensor.ts";

/** Entries uniform in (−1, 1). */
function drawn(shape: readonly number[], seed: number): Tensor {
  let state = seed;
  const size = shape.reduce((a, b) => a * b, 1);
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return tensor(Float32Array.from({ length: size }, next), shape, "float32");
}
const worst = (got: Tensor, expected: Tensor): number => {
  const reference = readFloats(expected);
  expect(got.shape).toEqual(expected.shape);
  return readFloats(got).reduce((most, value, i) => Math.max(most, Math.abs(value - (reference[i] ?? Number.NaN))), 0);
};

afterEach(() => useKernels(referenceKernels));

/** x of a shape, and ways to lay it out. */
const shapes: readonly (readonly number[])[] = [[12], [5, 12], [2, 3, 12], [2, 2, 3, 12]];
const mixed: KernelTable = {
  rule: "mkl",
  entries: [
    { product: "forward", rows: 3, n: 7, k: 12, kernel: "onednn" },
    { product: "weight-gradient", rows: 3, n: 7, k: 12, kernel: "onednn" },
  ],
};

describe.each([
  ["reference", referenceKernels],
  ["onednn", defaultKernels],
  ["AVX2", narrowKernels],
  ["a mixed table", mixed],
])("evergreen::linear with %s kernels", (_, table) => {
  test.each(shapes)("equals aten::linear for x of axes %j, forward and all gradients", (...shape) => {
    useKernels(table);
    for (const layout of ["plain", "turned"] as const)
      for (const hasBias of [true, false]) scope(() => compare(inputsOf(shape, layout, hasBias), `${layout}, bias ${hasBias}`));
  });
});

function inputsOf(shape: readonly number[], layout: "plain" | "turned", hasBias: boolean): readonly Tensor[] {
  const x = layout === "plain" ? drawn(shape, 1) : turned(drawn([...shape].reverse(), 1));
  const weight = layout === "plain" ? drawn([7, 12], 2) : transpose(drawn([12, 7], 2), 0, 1);
  return hasBias ? [x, weight, drawn([7], 3)] : [x, weight];
}

function compare(inputs: readonly Tensor[], title: string): void {
  const [ours, theirs] = [both(inputs, "evergreen::linear"), both(inputs, "aten::linear")];
  ours.forEach((each, i) => {
    expect(worst(each, theirs[i] as Tensor), `${title}, result ${i}`).toBeLessThan(4e-6);
  });
}

const turned = (x: Tensor): Tensor => permute(x, x.shape.map((_, i) => i).reverse());

/** The result and the gradients of Σ result · weights. */
function both(inputs: readonly Tensor[], name: string): readonly Tensor[] {
  const leaves = inputs.map((each) => one("detach", operator("aten::detach")(each)));
  requireGrad(leaves);
  const [x, weight, bias] = leaves as [Tensor, Tensor, Tensor | undefined];
  const result = one(name, operator(name)(x, weight, bias ?? null));
  const weights = drawn(result.shape, 9);
  return [result, ...(grad([sum(mul(result, weights))], leaves) as Tensor[])].map((each) =>
    contiguous(one("detach", operator("aten::detach")(each))),
  );
}

test("bfloat16 linear is aten::linear's, bit for bit, without a bias; a bias costs it one rounding less", () => {
  scope(() => {
    const [x, weight, bias] = [to(drawn([5, 12], 1), "bfloat16"), to(drawn([7, 12], 2), "bfloat16"), to(drawn([7], 3), "bfloat16")];
    for (const table of [referenceKernels, defaultKernels]) {
      useKernels(table);
      const aten = (added: Tensor | null): Tensor => to(one("", operator("aten::linear")(x, weight, added)), "float32");
      expect(worst(to(linear(x, weight), "float32"), aten(null))).toBe(0);
      expect(worst(to(linear(x, weight, bias), "float32"), aten(bias))).toBeLessThan(0.02);
    }
  });
});

test.each(["float32", "bfloat16"] as const)("linear with GELU is the same with and without a graph, %s", (dtype) => {
  scope(() => {
    const [x, weight, bias] = [drawn([9, 16], 1), drawn([8, 16], 2), drawn([8], 3)].map((each) => to(each, dtype)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const tolerance = dtype === "float32" ? 1e-6 : 0.02;
    for (const table of [referenceKernels, defaultKernels]) {
      useKernels(table);
      const reference = to(gelu(linear(x, weight, bias)), "float32");
      expect(worst(to(linearGelu(x, weight, bias), "float32"), reference)).toBeLessThan(tolerance);
    }
    requireGrad([weight]);
    const [ours, theirs] = [linearGelu(x, weight, bias), gelu(linear(x, weight, bias))].map(
      (each) => grad([sum(each)], [weight])[0] as Tensor,
    );
    expect(worst(to(ours as Tensor, "float32"), to(theirs as Tensor, "float32"))).toBe(0);
  });
});

test("the table in force is the one that was put in force; the environment knows two words", () => {
  useKernels(mixed);
  expect(activeKernels()).toBe(mixed);
  expect(kernelsFromEnvironment("reference")).toBe(referenceKernels);
  expect([undefined, "", "auto"].map(kernelsFromEnvironment)).toEqual([undefined, undefined, undefined]);
  expect(() => kernelsFromEnvironment("fast")).toThrowError(expect.objectContaining({ code: "EG-3101" }));
});

test("the same product twice has the same bits", () => {
  useKernels(defaultKernels);
  scope(() => {
    const inputs = [drawn([33, 65], 1), drawn([17, 65], 2), drawn([17], 3)];
    const [first, second] = [both(inputs, "evergreen::linear"), both(inputs, "evergreen::linear")];
    first.forEach((each, i) => {
      expect(Buffer.from(readFloats(each).buffer).equals(Buffer.from(readFloats(second[i] as Tensor).buffer))).toBe(true);
    });
  });
});

test("global norm is that of all entries, of any layout and type", () => {
  scope(() => {
    const parts = [tensor([3, 0], [2], "float32"), transpose(tensor([4, 0, 0, 12], [2, 2], "float32"), 0, 1), zeros([0])];
    expect(item(globalNorm(parts))).toBe(13);
    expect(item(globalNorm([...parts, to(tensor([84], [1], "float32"), "bfloat16")]))).toBe(85);
    expect(item(globalNorm([tensor([3, 4], [2], "float64")]))).toBe(5);
    expect(item(globalNorm([]))).toBe(0);
    expect(item(globalNorm([tensor([Number.NaN], [1], "float32")]))).toBeNaN();
    const large = drawn([300, 1000], 4);
    const exact = Math.sqrt(readFloats(large).reduce((total, value) => total + value * value, 0));
    expect(Math.abs(item(globalNorm([large])) / exact - 1)).toBeLessThan(1e-6);
  });
});

/** arXiv:1711.05101 in double precision. */
function reference(
  weight: number[],
  gradients: readonly number[][],
  at: { rate: number; decay: number; scale: number },
): { w: number[]; m: number[]; v: number[] } {
  const [beta1, beta2, epsilon] = [0.9, 0.98, 1e-6];
  const state = { w: [...weight], m: weight.map(() => 0), v: weight.map(() => 0) };
  gradients.forEach((gradient, step) => {
    state.w = state.w.map((w, i) => {
      const g = (gradient[i] as number) * at.scale;
      const m = beta1 * (state.m[i] as number) + (1 - beta1) * g;
      const v = beta2 * (state.v[i] as number) + (1 - beta2) * g * g;
      state.m[i] = m;
      state.v[i] = v;
      const [mHat, vHat] = [m / (1 - beta1 ** (step + 1)), v / (1 - beta2 ** (step + 1))];
      return w * (1 - at.rate * at.decay) - (at.rate * mHat) / (Math.sqrt(vHat) + epsilon);
    });
  });
  return state;
}

const step = (at: {
  weight: Tensor;
  gradient: Tensor;
  first: Tensor;
  second: Tensor;
  copy?: Tensor;
  step: number;
  rate?: number;
  decay?: number;
  scale?: number;
}): void =>
  fusedAdamW({
    weights: [at.weight],
    gradients: [at.gradient],
    first: [at.first],
    second: [at.second],
    copies: [at.copy ?? null],
    rates: [at.rate ?? 0.01],
    decays: [at.decay ?? 0.2],
    betas: [0.9, 0.98],
    epsilon: 1e-6,
    step: at.step,
    scale: scalar(at.scale ?? 1),
  });

describe.each(["float32", "bfloat16"] as const)("AdamW with %s gradients", (dtype) => {
  test("five steps equal the formula, moments and copies too", () => {
    scope(() => {
      const size = 40_000;
      const [weight, first, second] = [drawn([size], 1), zeros([size]), zeros([size])];
      const copy = zeros([size], "bfloat16");
      const start = Array.from(readFloats(weight));
      const gradients = [1, 2, 3, 4, 5].map((seed) => to(drawn([size], 10 + seed), dtype));
      const known = gradients.map((each) => Array.from(readFloats(to(each, "float32"))));
      gradients.forEach((gradient, i) => {
        step({ weight, gradient, first, second, copy, step: i + 1, scale: 0.5 });
      });
      const expected = reference(start, known, { rate: 0.01, decay: 0.2, scale: 0.5 });
      const error = (got: Tensor, wanted: number[]): number =>
        readFloats(got).reduce((most, value, i) => Math.max(most, Math.abs(value - (wanted[i] as number))), 0);
      expect(error(weight, expected.w)).toBeLessThan(1e-6);
      expect(error(first, expected.m)).toBeLessThan(1e-7);
      expect(error(second, expected.v)).toBeLessThan(1e-7);
      expect(worst(to(copy, "float32"), to(to(weight, "bfloat16"), "float32"))).toBe(0);
    });
  });
});

test("a gradient that is a view is read by its own order", () => {
  scope(() => {
    const plain = drawn([6, 4], 3);
    const results = [plain, transpose(contiguous(transpose(plain, 0, 1)), 0, 1)].map((gradient) => {
      const weight = drawn([6, 4], 1);
      step({ weight, gradient, first: zeros([6, 4]), second: zeros([6, 4]), step: 1 });
      return weight;
    }) as [Tensor, Tensor];
    expect(worst(...results)).toBe(0);
  });
});

test("AdamW refuses what does not fit, and then has moved nothing", () => {
  scope(() => {
    const [weight, moment] = [drawn([2, 3], 1), zeros([2, 3])];
    const before = Array.from(readFloats(weight));
    const cases: readonly (readonly [Partial<Parameters<typeof step>[0]>, RegExp])[] = [
      [{ gradient: zeros([3, 2]) }, /gradient of shape \[2, 3\]/],
      [{ gradient: zeros([2, 3], "float64") }, /float32 or bfloat16 gradient/],
      [{ gradient: zeros([2, 3], "float32", "meta") }, /gradient/],
      [{ first: zeros([6]) }, /moments of one shape/],
      [{ second: transpose(zeros([3, 2]), 0, 1) }, /contiguous/],
      [{ copy: zeros([2, 3]) }, /bfloat16 of its weight's shape/],
      [{ step: 0 }, /steps count from 1/],
    ];
    for (const [change, message] of cases)
      expect(() => step({ weight, gradient: zeros([2, 3]), first: moment, second: zeros([2, 3]), step: 1, ...change })).toThrow(message);
    expect(Array.from(readFloats(weight))).toEqual(before);
    expect(reshape(weight, [6]).size).toBe(6);
  });
});
