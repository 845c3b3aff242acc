import { describe, expect, test } from "vitest";
import { scope } from "../engine/scope.ts";
import { type Tensor, tensor, type Weights } from "../engine/tensor.ts";
import { createRandom } from "../util/random.ts";
import { alignmentOf, featureDrift, linearCka, parameterDistances } from "./drift.ts";

const matrix = (rows: readonly (readonly number[])[], dtype: "float32" | "float64" = "float64"): Tensor =>
  tensor(rows.flat(), [rows.length, rows[0]?.length ?? 0], dtype);
const weights = (of: Readonly<Record<string, readonly number[]>>): Weights =>
  new Map(Object.entries(of).map(([name, entries]) => [name, tensor(entries, [entries.length], "float32")]));

const names = [
  "visual.conv1.weight",
  "visual.transformer.resblocks.0.ln_1.weight",
  "transformer.resblocks.11.mlp.c_fc.bias",
  "text_projection",
  "logit_scale",
];
const start = {
  [names[0] as string]: [3, 4],
  [names[1] as string]: [0, 12],
  [names[2] as string]: [1],
  [names[3] as string]: [0, 0],
  logit_scale: [4],
};

describe("parameter distance", () => {
  test("is the norm of what moved, over all, by tower and by block, and over the start's norm", () =>
    scope(() => {
      const moved = {
        ...start,
        [names[0] as string]: [3, 7],
        [names[1] as string]: [4, 12],
        [names[3] as string]: [6, 8],
        logit_scale: [6],
      };
      const found = new Map(parameterDistances(weights(moved), weights(start)).map(({ part, ...rest }) => [part, rest]));
      expect(found.get("image")).toEqual({ distance: 5, relative: 5 / 13, parameters: 4 });
      expect(found.get("image ends")).toEqual({ distance: 3, relative: 3 / 5, parameters: 2 });
      expect(found.get("image block 0")).toEqual({ distance: 4, relative: 4 / 12, parameters: 2 });
      expect(found.get("text")).toEqual({ distance: 10, relative: 10, parameters: 3 });
      expect(found.get("text ends")).toEqual({ distance: 10, relative: undefined, parameters: 2 });
      expect(found.get("text block 11")).toEqual({ distance: 0, relative: 0, parameters: 1 });
      expect(found.get("all")).toEqual({ distance: Math.sqrt(25 + 100 + 4), relative: Math.sqrt(129 / (169 + 1 + 16)), parameters: 8 });
      expect([...found.keys()].slice(0, 3)).toEqual(["all", "image", "text"]);
    }));
  test("is 0 at the start, grows in proportion, and a layer of a residual network is a block", () =>
    scope(() => {
      for (const { distance } of parameterDistances(weights(start), weights(start))) expect(distance).toBe(0);
      const name = "visual.layer2.3.conv1.weight";
      const at = (factor: number) =>
        parameterDistances(weights({ [name]: [factor] }), weights({ [name]: [0] })).find(({ part }) => part === "image block 2.3")
          ?.distance;
      expect([at(1), at(3)]).toEqual([1, 3]);
    }));
});

describe("alignment", () => {
  test("of two pairs worked by hand", () =>
    scope(() => {
      // f = (1,0), (0,1); g = (.6,.8), (0,1): gap ‖(.5,.5) − (.3,.9)‖ = √(.04 + .16); matched (.6 + 1)/2; others f₁g₂ = 0, f₂g₁ = .8.
      const found = alignmentOf({
        image: matrix([
          [1, 0],
          [0, 1],
        ]),
        text: matrix([
          [0.6, 0.8],
          [0, 1],
        ]),
      });
      expect(found.modalityGap).toBeCloseTo(Math.sqrt(0.2), 12);
      expect(found.matched).toBeCloseTo(0.8, 12);
      expect(found.unmatched).toBeCloseTo(0.4, 12);
    }));
  test("equal features have no gap, opposite ones a gap of 2; one pair has no others", () =>
    scope(() => {
      const [f, g] = [matrix([[0.6, 0.8]]), matrix([[-0.6, -0.8]])];
      expect(alignmentOf({ image: f, text: f })).toEqual({ modalityGap: 0, matched: 1, unmatched: undefined });
      const { modalityGap, matched } = alignmentOf({ image: f, text: g });
      expect(modalityGap).toBeCloseTo(2, 12);
      expect(matched).toBeCloseTo(-1, 12);
    }));
});

const draws = createRandom(5).at("test/features");
const features = Array.from({ length: 40 }, () => Array.from({ length: 6 }, () => draws.normal()));
/** A rotation in the plane of two axes. */
const rotated = (rows: typeof features, a: number, b: number, angle: number): typeof features =>
  rows.map((row) =>
    row.map((entry, axis) => {
      const [x, y] = [row[a] ?? 0, row[b] ?? 0];
      if (axis === a) return x * Math.cos(angle) - y * Math.sin(angle);
      return axis === b ? x * Math.sin(angle) + y * Math.cos(angle) : entry;
    }),
  );

describe("linear CKA", () => {
  test("is 1 for the same features, and for any rotation, scaling and shift of them", () =>
    scope(() => {
      const turned = rotated(rotated(features, 0, 3, 1.1), 2, 3, -0.4).map((row) => row.map((entry, axis) => 7 * entry + axis));
      for (const other of [features, turned]) expect(linearCka(matrix(features), matrix(other))).toBeCloseTo(1, 12);
    }));
  test("of one axis each it is the squared correlation", () =>
    scope(() => {
      // x centred (−1, 0, 1), y centred (−1, 1, 0): xᵀy = 1, squared over 2 · 2.
      expect(linearCka(matrix([[1], [2], [3]]), matrix([[4], [6], [5]]))).toBeCloseTo(1 / 4, 12);
      expect(linearCka(matrix([[1], [2], [3]]), matrix([[1], [-2], [1]]))).toBeCloseTo(0, 12);
    }));
  test("of a hand-worked case with two axes, not invariant to stretching one of them", () =>
    scope(() => {
      const x = matrix([
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ]);
      const y = matrix([
        [3, 0],
        [-3, 0],
        [0, 1],
        [0, -1],
      ]);
      // YᵀX = diag(6, 2), XᵀX = diag(2, 2), YᵀY = diag(18, 2): 40 / (√8 · √328).
      expect(linearCka(x, y)).toBeCloseTo(40 / Math.sqrt(8 * 328), 12);
    }));
  test("says nothing of features that do not vary", () =>
    scope(() => {
      expect(
        linearCka(
          matrix([
            [1, 2],
            [1, 2],
          ]),
          matrix([
            [1, 0],
            [0, 1],
          ]),
        ),
      ).toBeUndefined();
    }));
});

test("feature drift is 0 at the start, 1 − cos of the angle that all rows turned by, and CKA does not see the turn", () =>
  scope(() => {
    const unit = features.map((row) => {
      const length = Math.hypot(row[0] ?? 0, row[1] ?? 0);
      return [(row[0] ?? 0) / length, (row[1] ?? 0) / length];
    });
    const same = featureDrift(matrix(unit), matrix(unit));
    expect(same.drift).toBeCloseTo(0, 12);
    expect(same.cka).toBeCloseTo(1, 12);
    const turned = featureDrift(matrix(rotated(unit, 0, 1, Math.PI / 3)), matrix(unit));
    expect(turned.drift).toBeCloseTo(0.5, 12);
    expect(turned.cka).toBeCloseTo(1, 12);
  }));
