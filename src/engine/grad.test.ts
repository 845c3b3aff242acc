import { expect, test } from "vitest";
import { grad, noGrad, requireGrad, withGrad } from "./grad.ts";
import { add, exp, mul, mulNumber, sum, zeros } from "./ops.ts";
import { scope } from "./scope.ts";
import { readFloats, type Tensor, tensor } from "./tensor.ts";

const leaf = (...values: number[]): Tensor => {
  const made = tensor(values, [values.length], "float32");
  requireGrad([made]);
  return made;
};
const floats = (value: Tensor | undefined): number[] | undefined => value && Array.from(readFloats(value));

test("the gradient of Σ x²y is 2xy and x²", () => {
  scope(() => {
    const [x, y] = [leaf(1, -2, 3), leaf(4, 5, 6)];
    const gradients = grad([sum(mul(mul(x, x), y))], [x, y]);
    expect(gradients.map(floats)).toEqual([
      [8, -20, 36],
      [1, 4, 9],
    ]);
  });
});

test("an input that nothing depends on has no gradient", () => {
  scope(() => {
    const [x, unused] = [leaf(1), leaf(2)];
    expect(grad([sum(x)], [x, unused]).map(floats)).toEqual([[1], undefined]);
  });
});

test("gradients of several outputs are weighted and summed", () => {
  scope(() => {
    const x = leaf(1, 2);
    const [first, second] = [mulNumber(x, 3), mul(x, x)];
    const weights = [tensor([1, 10], [2], "float32"), tensor([100, 1000], [2], "float32")];
    expect(grad([first, second], [x], weights).map(floats)).toEqual([[203, 4030]]);
  });
});

test("what does not depend on a leaf cannot be differentiated; nor can a graph twice", () => {
  scope(() => {
    const x = leaf(1);
    expect(() => grad([zeros([])], [x])).toThrowError(expect.objectContaining({ code: "EG-1107" }));
    expect(() => grad([add(x, tensor([1, 2], [2], "float32"))], [x])).toThrow(/grad can be implicitly created only for scalar outputs/);
    const loss = sum(exp(x));
    grad([loss], [x]);
    expect(() => grad([loss], [x])).toThrow(/second time/);
  });
});

test("only floating point tensors take a gradient", () => {
  scope(() => expect(() => requireGrad([tensor([1], [1], "int64")])).toThrowError(expect.objectContaining({ code: "EG-1107" })));
});

test("noGrad records nothing, withGrad inside of it does, and both end with an error", () => {
  scope(() => {
    const x = leaf(2);
    expect(() => grad([noGrad(() => sum(exp(x)))], [x])).toThrow(/does not require grad/);
    expect(grad([noGrad(() => withGrad(() => sum(mulNumber(x, 3))))], [x]).map(floats)).toEqual([[3]]);
    expect(() =>
      noGrad(() => {
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(grad([sum(x)], [x]).map(floats)).toEqual([[1]]);
  });
});
