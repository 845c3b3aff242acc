import { expect, test } from "vitest";
import { readFloats, scalar, tensor } from "../../engine/tensor.ts";
import sgd from "./sgd.ts";

// torch.optim.SGD([p], lr=0.1, momentum=0.9, weight_decay=0.5) with p = (1, −2) and gradients (0.5, 1), then (−1, 0.25):
// g + λp = (1, 0); buf = (1, 0); p = (0.9, −2). Then g + λp = (−0.55, −0.75); buf = 0.9·(1, 0) + that = (0.35, −0.75); p = (0.865, −1.925).
test("two steps with momentum and decay are those of torch.optim.SGD", () => {
  const weight = tensor([1, -2], [2], "float32");
  const state = sgd.init(new Map([["w", weight]]), { momentum: 0.9 });
  const slots = [{ name: "w", weight, learningRate: 0.1, decay: 0.5 }];
  const at = (step: number) => ({ step, scale: scalar(1), options: { momentum: 0.9 } });
  sgd.step(slots, [tensor([0.5, 1], [2], "float32")], state, at(1));
  expect([...readFloats(weight)].map((x) => Number(x.toFixed(6)))).toEqual([0.9, -2]);
  sgd.step(slots, [tensor([-1, 0.25], [2], "float32")], state, at(2));
  expect([...readFloats(weight)].map((x) => Number(x.toFixed(6)))).toEqual([0.865, -1.925]);
});

test("clipping scales the gradient, not the decay", () => {
  const weight = tensor([1], [1], "float32");
  const state = sgd.init(new Map([["w", weight]]), { momentum: 0 });
  sgd.step([{ name: "w", weight, learningRate: 1, decay: 0.5 }], [tensor([2], [1], "float32")], state, {
    step: 1,
    scale: scalar(0.25),
    options: { momentum: 0 },
  });
  expect(readFloats(weight)[0]).toBeCloseTo(1 - (0.5 + 0.5), 6);
});
