import { expect, test } from "vitest";
import { wrongEnds } from "../../../test/engine/optimizer-vectors.ts";
import { readFloats, scalar, tensor } from "../../engine/tensor.ts";
import lion from "./lion.ts";

test("steps are those of the paper's program", async () => {
  expect(await wrongEnds("lion", "lion", { betas: [0.9, 0.98] })).toEqual([]);
});

// p = (1, −2, 3), η = 0.1, λ = 0.5, β = (0.9, 0.99): m = 0, g = (0.5, −1, 0): p·0.95 − 0.1·sign(g) = (0.85, −1.8, 2.85), m = (0.005, −0.01, 0).
// Then g = (−0.04, 0.2, 0): 0.9m + 0.1g = (0.0005, 0.011, 0), so signs (1, 1, 0): (0.85, −1.8, 2.85)·0.95 − 0.1·that = (0.7075, −1.81, 2.7075).
test("two steps by hand: the momentum decides a sign against the gradient, a zero moves nothing", () => {
  const weight = tensor([1, -2, 3], [3], "float32");
  const options = lion.options.parse({});
  const state = lion.init(new Map([["w", weight]]), options);
  const slots = [{ name: "w", weight, learningRate: 0.1, decay: 0.5 }];
  const step = (count: number, gradient: readonly number[]): number[] => {
    lion.step(slots, [tensor(gradient, [3], "float32")], state, { step: count, scale: scalar(1), options });
    return [...readFloats(weight)].map((x) => Number(x.toFixed(6)));
  };
  expect(step(1, [0.5, -1, 0])).toEqual([0.85, -1.8, 2.85]);
  expect(step(2, [-0.04, 0.2, 0])).toEqual([0.7075, -1.81, 2.7075]);
});
