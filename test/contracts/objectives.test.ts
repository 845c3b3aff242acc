import { describe, expect, test } from "vitest";
import { grad, requireGrad } from "../../src/engine/grad.ts";
import { memory } from "../../src/engine/memory.ts";
import { normalize, zeros } from "../../src/engine/ops.ts";
import { scope } from "../../src/engine/scope.ts";
import { item, readFloats, scalar, type Tensor, tensor } from "../../src/engine/tensor.ts";
import { type ObjectiveDefinition, type ObjectiveInput, objectives } from "../../src/nn/objective.ts";
import { entries } from "../engine/small-models.ts";
import { judgedParts } from "../fixtures/judged-parts.ts";

// What is true of every contrastive loss.

const [pairs, width] = [6, 5];
const features = (seed: number, order = rows(pairs)): Tensor => {
  const all = entries(pairs * width, seed);
  return normalize(
    tensor(
      order.flatMap((row) => [...all.subarray(row * width, (row + 1) * width)]),
      [order.length, width],
      "float32",
    ),
  );
};
function rows(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}
const batch = (order?: readonly number[]): ObjectiveInput => ({ image: features(3, order), text: features(4, order), scale: scalar(9) });
const value = (part: ObjectiveDefinition, input: ObjectiveInput): number => item(part.loss(input));

describe.each(judgedParts("objective"))("%s", (name) => {
  test("says what it is and where it comes from, and refuses an option it does not know", async () => {
    const { summary, source, options } = await objectives.load(name);
    expect([summary, source]).toEqual([expect.stringMatching(/^\S.{20,}\.$/), expect.stringMatching(/\S/)]);
    expect(options.safeParse({ unheardOf: 1 }).success).toBe(false);
  });

  test("is one finite number, the same again and in any order of the pairs, for one pair too", async () => {
    const part = await objectives.load(name);
    scope(() => {
      const whole = value(part, batch());
      expect(part.loss(batch()).shape).toEqual([]);
      expect(value(part, batch())).toBe(whole);
      expect(value(part, batch([4, 0, 5, 2, 1, 3]))).toBeCloseTo(whole, 5);
      expect(value(part, batch([2]))).toSatisfy(Number.isFinite);
    });
  });

  test("is smaller where texts agree with their own images than with the next one's", async () => {
    const part = await objectives.load(name);
    scope(() => {
      const image = features(3);
      const agrees = value(part, { image, text: image, scale: scalar(9) });
      expect(agrees).toBeLessThan(value(part, { image, text: features(3, [1, 2, 3, 4, 5, 0]), scale: scalar(9) }));
    });
  });

  test("the mean over processes of equal share is the loss of the whole batch, with pairs left out too", async () => {
    const part = await objectives.load(name);
    scope(() => {
      for (const excluded of [[], [0 * pairs + 3, 3 * pairs + 0, 2 * pairs + 5]]) {
        const input = { ...batch(), excluded };
        const shares = [0, 2, 4].map((from) => value(part, { ...input, share: { from, to: from + 2 } }));
        expect(shares.reduce((sum, each) => sum + each, 0) / 3).toBeCloseTo(value(part, input), 5);
      }
    });
  });

  test("a pair that is left out pushes nothing apart: its product has no gradient", async () => {
    const part = await objectives.load(name);
    scope(() => {
      // Two pairs, whose only negatives are left out: what still pulls is each one's own text.
      const [image, text] = [features(3, [0, 1]), features(4, [0, 1])];
      const excluded = [1, 2];
      const with01 = value(part, { image, text, scale: scalar(9), excluded });
      const alone = [0, 1].map((row) => value(part, { image: features(3, [row]), text: features(4, [row]), scale: scalar(9) }));
      // To rounding, and to what stands for minus infinity.
      expect(with01).toBeCloseTo(((alone[0] ?? 0) + (alone[1] ?? 0)) / 2, 2);
    });
  });

  test("its gradient is the slope of its value, for features and temperature", async () => {
    const part = await objectives.load(name);
    scope(() => {
      const given = batch();
      const leaves = [given.image, given.text, given.scale];
      requireGrad(leaves);
      const gradients = grad([part.loss(given)], leaves).map((each) => readFloats(each as Tensor));
      const slope = (which: "image" | "text" | "scale", at: number): number => {
        const moved = (by: number): number => {
          const of = readFloats(given[which]).slice();
          of[at] = (of[at] ?? 0) + by;
          return value(part, { ...batch(), [which]: tensor(of, given[which].shape, "float32") });
        };
        const by = which === "scale" ? 0.05 : 0.01;
        return (moved(by) - moved(-by)) / (2 * by);
      };
      // The second-order difference of float32 values: 1e-2 of slopes up to 1.
      for (const [i, which] of (["image", "text", "scale"] as const).entries())
        for (const at of which === "scale" ? [0] : [0, 7, 29])
          expect(Math.abs((gradients[i]?.[at] ?? 0) - slope(which, at)), `${which} ${at}`).toBeLessThan(0.01);
    });
  });

  test("takes its step on shapes alone, as a plan does", async () => {
    const part = await objectives.load(name);
    const before = memory().metaLive;
    scope(() => {
      const [image, text, scale] = [[pairs, width], [pairs, width], []].map((shape) => zeros(shape, "float32", "meta"));
      if (!image || !text || !scale) throw new Error("three tensors");
      requireGrad([image, text, scale]);
      for (const excluded of [[], [1, pairs]])
        expect(grad([part.loss({ image, text, scale, excluded })], [image, text, scale]).map((each) => each?.shape)).toEqual([
          [pairs, width],
          [pairs, width],
          [],
        ]);
    });
    expect(memory().metaLive).toBe(before);
  });

  test("leaves no tensor behind", async () => {
    const part = await objectives.load(name);
    const before = memory().tensors;
    scope(() => void value(part, batch()));
    expect(memory().tensors).toBe(before);
  });
});
