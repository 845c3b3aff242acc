import { expect, test } from "vitest";
import { zeros } from "../engine/ops.ts";
import { release, scope } from "../engine/scope.ts";
import { readFloats, type Tensor, tensor, type Weights } from "../engine/tensor.ts";
import type { WeightUse } from "../nn/view.ts";
import { createRandom } from "../util/random.ts";
import { evenLayout } from "./sample-layout.ts";
import { type Measure, SampleSums } from "./sample-sums.ts";

const matrix = (rows: readonly (readonly number[])[]): Tensor => tensor(rows.flat(), [rows.length, rows[0]?.length ?? 0], "float32");

/** Sums over samples of a linear layer's own gradients. */
function sumsOf(
  measure: Measure,
  use: { x: number[][]; g: number[][]; samples: number; rows?: readonly [number, number] },
): Record<string, number[]> {
  return scope(() => {
    const like: Weights = new Map([
      [
        "w",
        matrix([
          [0, 0],
          [0, 0],
          [0, 0],
        ]),
      ],
      ["b", tensor([0, 0, 0], [3], "float32")],
    ]);
    const sums = new SampleSums(like, measure);
    const told: WeightUse = {
      kind: "linear",
      weight: "w",
      bias: "b",
      input: matrix(use.x),
      output: matrix(use.g),
      ...(use.rows ? { rows: use.rows } : {}),
    };
    sums.addUse(told, matrix(use.g), evenLayout(use.samples));
    const found = Object.fromEntries([...sums.sums].map(([name, sum]) => [name, [...readFloats(sum)]]));
    release(sums.sums);
    return found;
  });
}

test("for y = W x + b and the loss ½ ‖y − t‖² the sums are Σ (y − t)² x² and Σ (y − t)²", () => {
  // W = [[1, 0], [0, 1], [1, 1]], b = 0, t = 0: y − t = W x.
  const x = [
    [1, 2],
    [3, -1],
  ];
  const g = x.map(([a = 0, b = 0]) => [a, b, a + b]);
  expect(sumsOf("square", { x, g, samples: 2 })).toEqual({
    w: [1 + 81, 4 + 9, 4 + 9, 16 + 1, 9 + 36, 36 + 4],
    b: [1 + 9, 4 + 1, 9 + 4],
  });
});

test("a sample of two vectors has one gradient: its entries are summed before they are squared, or their magnitudes taken", () => {
  const x = [
    [1, 2],
    [3, -1],
  ];
  const g = [
    [1, 0, 2],
    [-1, 1, 0],
  ];
  // gᵀ x = [[1 − 3, 2 + 1], [3, −1], [2, 4]], Σ g = [0, 1, 2]
  expect(sumsOf("square", { x, g, samples: 1 })).toEqual({ w: [4, 9, 9, 1, 4, 16], b: [0, 1, 4] });
  expect(sumsOf("magnitude", { x, g, samples: 1 })).toEqual({ w: [2, 3, 3, 1, 2, 4], b: [0, 1, 2] });
  expect(sumsOf("magnitude", { x, g, samples: 2 })).toEqual({ w: [4, 3, 3, 1, 2, 4], b: [2, 1, 2] });
});

test("a use of some output rows adds to these alone", () => {
  expect(sumsOf("square", { x: [[1, 2]], g: [[3]], samples: 1, rows: [1, 2] })).toEqual({ w: [0, 0, 9, 36, 0, 0], b: [0, 9, 0] });
});

test.each(["square", "magnitude"] as const)(
  "a weight that is summed block by block, its blocks of unlike size, has the same sums of every %s",
  (measure) => {
    const [outputs, inputs, samples, length] = [1030, 512, 2, 2];
    const draws = createRandom(1).at("validation");
    const drawn = (columns: number): Float32Array => Float32Array.from({ length: samples * length * columns }, () => draws.normal());
    const [x, g] = [drawn(inputs), drawn(outputs)];
    const worst = scope(() => {
      const sums = new SampleSums(new Map([["w", zeros([outputs, inputs])]]), measure);
      const [input, output] = [tensor(x, [samples * length, inputs], "float32"), tensor(g, [samples * length, outputs], "float32")];
      sums.addUse({ kind: "linear", weight: "w", input, output }, output, evenLayout(samples));
      const found = readFloats(sums.sums.get("w") as Tensor);
      release(sums.sums);
      return found.reduce((most, value, at) => {
        const [n, k] = [Math.floor(at / inputs), at % inputs];
        let expected = 0;
        for (let sample = 0; sample < samples; sample++) {
          let own = 0;
          for (let token = sample * length; token < (sample + 1) * length; token++)
            own += (g[token * outputs + n] ?? 0) * (x[token * inputs + k] ?? 0);
          expected += measure === "square" ? own * own : Math.abs(own);
        }
        return Math.max(most, Math.abs(value - expected) / Math.max(1, expected));
      }, 0);
    });
    expect(worst).toBeLessThan(1e-5);
  },
);
