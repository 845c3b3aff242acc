import { expect, test } from "vitest";
import { grad, requireGrad } from "./grad.ts";
import { memory } from "./memory.ts";
import * as ops from "./ops.ts";
import { scope } from "./scope.ts";
import { read, readFloats, type Tensor, tensor } from "./tensor.ts";

const floats = (values: readonly number[], shape: readonly number[] = [values.length]): Tensor => tensor(values, shape, "float32");
/** Entries by a fixed formula, so that expected values could be made with PyTorch: torch.sin(torch.arange(n) * step). */
const sines = (shape: readonly number[], step: number): Tensor =>
  floats(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * step)),
    shape,
  );

function close(got: Tensor | undefined, expected: readonly number[], tolerance = 1e-6): void {
  const values = Array.from(readFloats(ops.to(got as Tensor, "float32")));
  expect(values.length).toBe(expected.length);
  values.forEach((value, i) => {
    expect(Math.abs(value - (expected[i] as number)), `entry ${i}: ${value}, expected ${expected[i]}`).toBeLessThanOrEqual(tolerance);
  });
}

const inputs = [-2, -0.5, 0, 0.5, 2];
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const pointwise: readonly (readonly [string, (a: Tensor) => Tensor, (x: number) => number])[] = [
  ["neg", ops.neg, (x) => -x],
  ["exp", ops.exp, Math.exp],
  ["sigmoid", ops.sigmoid, logistic],
  ["logSigmoid", ops.logSigmoid, (x) => Math.log(logistic(x))],
  ["relu", ops.relu, (x) => Math.max(0, x)],
  ["quickGelu", ops.quickGelu, (x) => x * logistic(1.702 * x)],
  ["addNumber", (a) => ops.addNumber(a, 1.5), (x) => x + 1.5],
  ["mulNumber", (a) => ops.mulNumber(a, 3), (x) => 3 * x],
  ["divNumber", (a) => ops.divNumber(a, 4), (x) => x / 4],
];
for (const [name, run, formula] of pointwise)
  test(`${name} is its formula`, () => scope(() => close(run(floats(inputs)), inputs.map(formula))));

test("gelu is PyTorch's exact one: F.gelu(torch.tensor([-2, -0.5, 0, 0.5, 2]))", () => {
  scope(() => close(ops.gelu(floats(inputs)), [-0.04550027, -0.15426877, 0, 0.34573123, 1.9544997]));
});

test("arithmetic broadcasts as in PyTorch", () => {
  scope(() => {
    const [column, row] = [floats([1, 2], [2, 1]), floats([10, 20, 30], [1, 3])];
    close(ops.add(column, row), [11, 21, 31, 12, 22, 32]);
    close(ops.sub(row, column), [9, 19, 29, 8, 18, 28]);
    close(ops.mul(column, row), [10, 20, 30, 20, 40, 60]);
    close(ops.div(row, column), [10, 20, 30, 5, 10, 15]);
  });
});

test("reductions, shapes and selection", () => {
  scope(() => {
    const x = floats([1, 2, 3, 4, 5, 6], [2, 3]);
    close(ops.sum(x), [21]);
    close(ops.mean(x), [3.5]);
    close(ops.sumOver(x, [0]), [5, 7, 9]);
    close(ops.meanOver(x, [1]), [2, 5]);
    expect(ops.meanOver(x, [1], true).shape).toEqual([2, 1]);
    close(ops.contiguous(ops.transpose(x, 0, 1)), [1, 4, 2, 5, 3, 6]);
    close(ops.permute(ops.reshape(x, [1, 2, 3]), [2, 0, 1]), [1, 4, 2, 5, 3, 6]);
    close(ops.slice(x, 1, 1, 3), [2, 3, 5, 6]);
    close(ops.select(x, 0, 1), [4, 5, 6]);
    close(ops.indexSelect(x, 1, tensor([2, 2, 0], [3], "int64")), [3, 3, 1, 6, 6, 4]);
    close(ops.concat([x, x], 1), [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]);
    expect(ops.stack([x, x], 0).shape).toEqual([2, 2, 3]);
    close(ops.expand(floats([7], [1]), [3]), [7, 7, 7]);
    expect(Array.from(read(ops.argmax(floats([1, 9, 3, 8, 2, 1], [2, 3]), 1)), Number)).toEqual([1, 0]);
    expect(Array.from(read(ops.arange(4)), Number)).toEqual([0, 1, 2, 3]);
    close(ops.full([2], 0.25), [0.25, 0.25]);
    close(ops.zerosLike(x), [0, 0, 0, 0, 0, 0]);
    close(ops.embedding(x, tensor([1, 0], [2], "int32")), [4, 5, 6, 1, 2, 3]);
  });
});

test("in-place functions change their target and nothing that was cloned from it", () => {
  scope(() => {
    const x = floats([-1, 0.5, 9]);
    const before = ops.clone(x);
    ops.clampInPlace(x, 0, 1);
    close(x, [0, 0.5, 1]);
    ops.copyInto(x, floats([7, 8, 9]));
    close(x, [7, 8, 9]);
    close(before, [-1, 0.5, 9]);
  });
});

test("normalize gives unit rows and leaves a zero row zero", () => {
  scope(() => close(ops.normalize(floats([3, 4, 0, 0], [2, 2])), [0.6, 0.8, 0, 0]));
});

test("layer norm of [1, 2, 3, 4] is (x − 2.5)/√(1.25 + ε)", () => {
  scope(() => {
    const scaled = ops.layerNorm(floats([1, 2, 3, 4]), floats([1, 1, 2, 2]), floats([0, 0, 1, 1]), 1e-5);
    const unit = (x: number): number => (x - 2.5) / Math.sqrt(1.25 + 1e-5);
    close(scaled, [unit(1), unit(2), 2 * unit(3) + 1, 2 * unit(4) + 1]);
  });
});

test("cross entropy is the mean of −log softmax", () => {
  scope(() => {
    const loss = ops.crossEntropy(floats([0, 0, Math.log(3), 0], [2, 2]), tensor([0, 0], [2], "int64"));
    close(loss, [(Math.log(2) - Math.log(0.75)) / 2]);
    expect(() => ops.crossEntropy(floats([0, 0], [1, 2]), tensor([2], [1], "int64"))).toThrow(/Target 2 is out of bounds/);
  });
});

test("a 2 × 2 convolution with stride 2 and padding 1, by hand", () => {
  scope(() => {
    const x = floats([1, 2, 3, 4], [1, 1, 2, 2]);
    const weight = floats([1, 10, 100, 1000], [1, 1, 2, 2]);
    close(ops.conv2d(x, weight, { stride: 2, padding: 1, bias: floats([5]) }), [1005, 205, 35, 9], 1e-4);
    close(ops.avgPool2d(x, 2), [2.5]);
  });
});

test("batch norm uses and moves statistics in training, and uses the moved ones after it", () => {
  scope(() => {
    const x = floats([1, 3, 5, 7], [4, 1]);
    const at = { weight: floats([2]), bias: floats([1]), mean: floats([0]), variance: floats([1]) };
    const trained = ops.batchNorm(x, { ...at, training: true });
    close(
      trained,
      [1, 3, 5, 7].map((value) => (2 * (value - 4)) / Math.sqrt(5 + 1e-5) + 1),
    );
    close(at.mean, [0.4]);
    close(at.variance, [0.9 + 0.1 * (20 / 3)]);
    const [mean, variance] = [0.4, 0.9 + 2 / 3];
    close(
      ops.batchNorm(x, { ...at, training: false }),
      [1, 3, 5, 7].map((value) => (2 * (value - mean)) / Math.sqrt(variance + 1e-5) + 1),
      2e-6,
    );
    close(at.mean, [0.4]);
  });
});

/** softmax(q kᵀ/√d) v of one head in double precision. */
function attended(q: Tensor, k: Tensor, v: Tensor, causal: boolean): number[] {
  const [, heads = 0, tokens = 0, width = 0] = q.shape;
  const [a, b, c] = [q, k, v].map((each) => Array.from(readFloats(ops.contiguous(each)))) as [number[], number[], number[]];
  const result: number[] = [];
  for (let head = 0; head < heads; head++)
    for (let i = 0; i < tokens; i++) {
      const row = (values: number[], at: number): number[] => values.slice((head * tokens + at) * width, (head * tokens + at + 1) * width);
      const seen = causal ? i + 1 : tokens;
      const scores = Array.from(
        { length: seen },
        (_, j) => row(a, i).reduce((sum, x, d) => sum + x * (row(b, j)[d] as number), 0) / Math.sqrt(width),
      );
      const weights = scores.map((score) => Math.exp(score));
      const total = weights.reduce((x, y) => x + y, 0);
      for (let d = 0; d < width; d++) result.push(weights.reduce((sum, weight, j) => sum + (weight / total) * (row(c, j)[d] as number), 0));
    }
  return result;
}

const sight = (causal: boolean): ops.Sight => (causal ? "earlier" : "all");
for (const causal of [true, false])
  test(`attention ${causal ? "with" : "without"} a causal mask equals the formula; bfloat16 within 2 %, its gradients within 3 %`, () => {
    scope(() => {
      const exact = [0.7, 1.1, 1.9].map((step) => sines([1, 2, 6, 4], step)) as [Tensor, Tensor, Tensor];
      close(ops.attention(...exact, sight(causal)), attended(...exact, causal), 2e-6);
      const half = exact.map((each) => ops.to(each, "bfloat16")) as [Tensor, Tensor, Tensor];
      close(ops.attention(...half, sight(causal)), attended(...exact, causal), 0.02);
      const gradients = [exact, half].map((triple) => {
        requireGrad(triple);
        const weights = ops.to(sines([1, 2, 6, 4], 2.3), triple[0].dtype);
        return grad([ops.sum(ops.mul(ops.attention(...triple, sight(causal)), weights))], triple);
      });
      for (const [i, each] of (gradients[1] ?? []).entries()) close(each, Array.from(readFloats(gradients[0]?.[i] as Tensor)), 0.03);
    });
  });

test("a token does not see what comes after it, in either precision", () => {
  scope(() => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const [q, k, v] = [0.7, 1.1, 1.9].map((step) => ops.to(sines([1, 1, 4, 4], step), dtype)) as [Tensor, Tensor, Tensor];
      const other = ops.concat([ops.slice(v, 2, 0, 3), ops.to(ops.full([1, 1, 1, 4], 100), dtype)], 2);
      const first = (values: Tensor): number[] =>
        Array.from(readFloats(ops.to(ops.contiguous(ops.slice(ops.attention(q, k, values, "earlier"), 2, 0, 3)), "float32")));
      expect(first(other), dtype).toEqual(first(v));
    }
  });
});

test("one query with a mask equals that query's row of causal attention", () => {
  scope(() => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const [q, k, v] = [0.7, 1.1, 1.9].map((step) => ops.to(sines([1, 2, 4, 4], step), dtype)) as [Tensor, Tensor, Tensor];
      const hidden = Number.NEGATIVE_INFINITY;
      const mask = ops.to(tensor(Float32Array.of(0, 0, 0, hidden), [1, 1, 1, 4], "float32"), dtype);
      const row = ops.to(ops.contiguous(ops.slice(ops.attention(q, k, v, "earlier"), 2, 2, 3)), "float32");
      const asked = ops.to(ops.attention(ops.slice(q, 2, 2, 3), k, v, mask), "float32");
      close(asked, Array.from(readFloats(row)), dtype === "float32" ? 1e-6 : 0.01);
    }
  });
});

test("keys and values of different lengths are refused, not read past their end", () => {
  scope(() => {
    const make = (tokens: number): Tensor => ops.zeros([1, 2, tokens, 4]);
    expect(() => ops.attention(make(3), make(3), make(2), "all")).toThrowError(expect.objectContaining({ code: "EG-1107" }));
  });
});

test("a stride beyond any image is refused: its gradient would take minutes", () => {
  scope(() => {
    expect(() => ops.conv2d(ops.zeros([1, 1, 8, 8]), ops.zeros([1, 1, 1, 1]), { stride: 65_535 })).toThrow(/at most 1024, got 65535 65535/);
  });
});

test("steps of gradient descent whose buffers do not fit are refused", () => {
  scope(() => {
    const at = { rate: 0.1, decay: 0, momentum: 0.9, isFirst: true };
    const short = { ...at, weights: [ops.zeros([4])], gradients: [ops.zeros([4])], momenta: [ops.zeros([2])] };
    expect(() => ops.fusedSgd(short)).toThrow(/expected contiguous shape/);
    expect(() => ops.fusedSgd({ ...short, momenta: [] })).toThrow(/momentum without its buffers/);
    const weight = floats([1, 2]);
    ops.fusedSgd({ ...at, weights: [weight], gradients: [floats([10, 20])], momenta: [ops.zeros([2])] });
    close(weight, [0, 0]);
  });
});

test("types convert with PyTorch's rounding and to themselves for nothing", () => {
  scope(() => {
    const x = floats([1.00390625, -2.7]);
    expect(ops.to(x, "float32")).toBe(x);
    close(ops.to(ops.to(x, "bfloat16"), "float32"), [1, -2.703125], 0);
    expect(Array.from(read(ops.to(x, "int64")), Number)).toEqual([1, -2]);
  });
});

test("a linear layer keeps its input for the weight's gradient alone: beside a frozen weight it is freed", () => {
  const liveAfter = (learns: boolean): number =>
    scope(() => {
      const [x, weight] = [ops.full([8, 16], 0.5), ops.full([4, 16], 0.25)];
      requireGrad(learns ? [x, weight] : [x]);
      const before = memory().live;
      const y = scope(() => ops.linear(ops.mulNumber(x, 2), weight));
      const live = memory().live - before;
      // d/dx of Σ 2x · Wᵀ: twice the column sums of W, four rows of 0.25.
      expect([...readFloats(grad([ops.sum(y)], [x])[0] as Tensor)]).toEqual(Array.from({ length: 128 }, () => 2));
      return live;
    });
  const [frozen, learning] = [liveAfter(false), liveAfter(true)];
  expect(learning - frozen).toBe(4 * 8 * 16);
});
