import { afterAll, describe, expect, test } from "vitest";
import { tinyBatch, tinyModel } from "../../test/fixtures/training/tiny.ts";
import { grad, requireGrad } from "../engine/grad.ts";
import { exp } from "../engine/ops.ts";
import { isBorrowed, release, scope } from "../engine/scope.ts";
import { readFloats, type Tensor } from "../engine/tensor.ts";
import { computeWeights, embedImage, embedText, type Precision } from "../models/clip.ts";
import { asTeacher, embedImagesUnder, embedUnder, imagesOf, pairsOf, teacherWeights } from "./teacher.ts";

const model = tinyModel();
afterAll(() => release(model));

const width = 16;
const rowsIn = (of: Tensor, rows: readonly number[]): number[] =>
  rows.flatMap((row) => [...readFloats(of).subarray(row * width, (row + 1) * width)]);
const furthest = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((largest, entry, i) => Math.max(largest, Math.abs(entry - (b[i] ?? Number.NaN))), a.length === b.length ? 0 : Number.NaN);

describe("a teacher", () => {
  test.each(["fp32", "bf16"] as const)("in %s embeds what the model itself does, whole or in parts", (precision: Precision) => {
    scope(() => {
      const weights = teacherWeights(model.weights, precision, model);
      const batch = tinyBatch();
      const own = computeWeights(model, precision);
      const teacher = asTeacher(weights, precision, model);
      const [whole, parts] = [embedUnder(teacher, batch), embedUnder(teacher, batch, 3)];
      const all = Array.from(batch.textOf);
      expect(rowsIn(whole.image, [0, 1, 2, 3, 4, 5, 6, 7])).toEqual([...readFloats(embedImage(own, batch.pixels))]);
      expect(rowsIn(whole.text, [0, 1, 2, 3, 4, 5, 6, 7])).toEqual(rowsIn(embedText(own, batch.texts), all));
      const tolerance = precision === "fp32" ? 1e-6 : 1e-2;
      expect(furthest([...readFloats(parts.image)], [...readFloats(whole.image)])).toBeLessThan(tolerance);
      expect(furthest([...readFloats(parts.text)], [...readFloats(whole.text)])).toBeLessThan(tolerance);
      release(weights);
    });
  });

  test("is a copy, even of a live weight that is in training: nothing leads back to it", () => {
    scope(() => {
      const weights = teacherWeights(model.weights, "fp32", model);
      for (const [name, weight] of weights) {
        expect(weight, name).not.toBe(model.weights.get(name));
        expect(isBorrowed(weight), name).toBe(false);
      }
      const scale = model.weights.get("logit_scale") as Tensor;
      requireGrad([scale]);
      const teacher = teacherWeights(model.weights, "fp32", model);
      expect(grad([exp(scale)], [scale])[0]).toBeDefined();
      expect(() => grad([exp(teacher.get("logit_scale") as Tensor)], [scale])).toThrow();
      requireGrad([scale], false);
      release([weights, teacher]);
    });
  });
});

describe("some pairs of a batch", () => {
  test("have the features that they have in the whole, two that share a text included", () => {
    scope(() => {
      const teacher = computeWeights(model, "fp32");
      const batch = tinyBatch();
      const rows = [0, 2, 5, 7];
      const [whole, some] = [embedUnder(teacher, batch), embedUnder(teacher, pairsOf(batch, rows))];
      // Pairs 0 and 7 share text 0.
      expect(pairsOf(batch, rows).texts.rows).toBe(3);
      expect(furthest([...readFloats(some.image)], rowsIn(whole.image, rows))).toBeLessThan(1e-6);
      expect(furthest([...readFloats(some.text)], rowsIn(whole.text, rows))).toBeLessThan(1e-6);
      expect(furthest([...readFloats(embedImagesUnder(teacher, imagesOf(batch, rows)))], rowsIn(whole.image, rows))).toBeLessThan(1e-6);
    });
  });

  test("are the batch itself where they are all", () => {
    scope(() => {
      const batch = tinyBatch();
      expect(pairsOf(batch)).toBe(batch);
      expect(pairsOf(batch, [0, 1, 2, 3, 4, 5, 6, 7])).toBe(batch);
      expect(imagesOf(batch)).toBe(batch.pixels);
    });
  });
});
