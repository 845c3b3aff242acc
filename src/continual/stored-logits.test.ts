import { describe, expect, test } from "vitest";
import { featureContext, identity, matrix, turned } from "../../test/fixtures/continual/features.ts";
import { grad, requireGrad } from "../engine/grad.ts";
import { release, scope } from "../engine/scope.ts";
import { item, readFloats, type Tensor } from "../engine/tensor.ts";
import { createRandom } from "../util/random.ts";
import type { AppliedStep, FeatureContext, RowInfo } from "./method.ts";
import { slotOf } from "./reservoir.ts";
import { type LogitsTerm, logitsTerm, nothingStored, type StoredFeatures, storeFeatures } from "./stored-logits.ts";

const term: LogitsTerm = { by: "der", use: "logits", logits: "scaled" };

/** Two drawn rows, slots 2 and 0, behind one of the mixture. */
const rows: readonly RowInfo[] = [
  { id: "set/0", role: "update", caption: "" },
  ...[2, 0].map((slot): RowInfo => ({ id: `set/${slot}`, role: "reservoir", caption: "", mark: { by: "der", slot, uses: ["logits"] } })),
];

/** The batch: drawn pairs have cosines I now. The reservoir: they had [[.6, .8], [.8, −.6]] at scales 10 and 20. */
function case2(broken = 0): { readonly batch: FeatureContext; readonly stored: StoredFeatures } {
  const seen = { image: matrix([[0.6, 0.8], ...identity]), text: matrix([[0.8, 0.6], ...identity]) };
  const unused = [7, 7];
  return {
    batch: featureContext(seen, { rows }),
    stored: {
      seed: 0,
      offered: 3,
      image: matrix([[0, 1 + broken], unused, [1, 0]]),
      text: matrix([turned[1], unused, turned[0]]),
      scale: matrix([[20], [5], [10]]),
    },
  };
}

describe("the logits' term", () => {
  test("is the hand-worked mean square: each image's row at its stored scale, over 100", () => {
    scope(() => {
      // I − [[.6, .8], [.8, −.6]] = [[.4, −.8], [−.8, 1.6]]; times 10 and 20: (4² + 8² + 16² + 32²) / 4 / 100 = 3.4.
      const { batch, stored } = case2();
      expect(item(logitsTerm(batch, stored, term) as Tensor)).toBeCloseTo(3.4, 5);
    });
  });

  test("as published is of bare cosines", () => {
    scope(() => {
      const { batch, stored } = case2();
      expect(item(logitsTerm(batch, stored, { ...term, logits: "published" }) as Tensor)).toBeCloseTo((0.16 + 0.64 + 0.64 + 2.56) / 4, 6);
    });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("leaves out entries whose stored value is %d, and their gradient", (broken) => {
    scope(() => {
      // The second drawn image is broken: the first row alone is left, (4² + 8²) / 2 / 100.
      const { batch, stored } = case2(broken);
      requireGrad([batch.image, batch.text]);
      const value = logitsTerm(batch, stored, term) as Tensor;
      expect(item(value)).toBeCloseTo(0.4, 6);
      const [image, text] = grad([value], [batch.image, batch.text]).map((each) => [...readFloats(each as Tensor)]);
      // d/df₁ = 2/2/100 · 10² · Δ₁ · g = (.4, −.8), and the same to each text.
      expect(image).toEqual([0, 0, expect.closeTo(0.4, 5), expect.closeTo(-0.8, 5), 0, 0]);
      expect(text).toEqual([0, 0, expect.closeTo(0.4, 5), 0, expect.closeTo(-0.8, 5), 0]);
    });
  });

  test("is absent where nothing was drawn for this use, and before anything is stored", () => {
    scope(() => {
      const { batch, stored } = case2();
      expect(logitsTerm(batch, stored, { ...term, use: "replay" })).toBeUndefined();
      expect(logitsTerm(batch, stored, { ...term, by: "der-pp" })).toBeUndefined();
      expect(logitsTerm(batch, nothingStored({ seed: 0 }), term)).toBeUndefined();
    });
  });
});

describe("what is stored", () => {
  const roles = ["update", "buffer", "update", "update", "pretraining", "reservoir"] as const;
  const step = (at: number): AppliedStep =>
    ({
      features: {
        image: matrix(roles.map((_, i) => [at, i])),
        text: matrix(roles.map((_, i) => [-1 - at, i])),
      },
      scale: 10 + at,
      rows: roles.map((role, i) => ({ id: `set/${i}`, role, caption: "" })),
    }) as unknown as AppliedStep;

  test("is by slot what the reservoir's rule takes of the update rows, over many steps, the last of one slot staying", () => {
    const size = 4;
    let stored: StoredFeatures = nothingStored({ seed: 9 });
    const expected = new Map<number, readonly [number, number]>();
    for (let at = 0, j = 0; at < 25; at++) {
      const before = stored;
      stored = scope(() => storeFeatures(step(at), before, size));
      for (const row of [0, 2, 3]) {
        j += 1;
        const slot = slotOf(createRandom(9), j, size);
        if (slot !== undefined) expected.set(slot, [at, row]);
      }
      expect(stored.offered).toBe(j);
      const { image, text, scale } = stored;
      const [images, texts, scales] = [image, text, scale].map((each) => readFloats(each as Tensor));
      for (const [slot, [when, row]] of expected) {
        expect([...(images?.subarray(2 * slot, 2 * slot + 2) ?? [])]).toEqual([when, row]);
        expect([...(texts?.subarray(2 * slot, 2 * slot + 2) ?? [])]).toEqual([-1 - when, row]);
        expect(scales?.[slot]).toBe(10 + when);
      }
      if (before.image !== stored.image) release(before);
    }
    expect(expected.size).toBe(size);
    expect(Math.max(...[...expected.values()].map(([when]) => when))).toBeGreaterThan(1);
    release(stored);
  });

  test("stays the same tensors where a step's samples are all passed by", () => {
    scope(() => {
      const stored: StoredFeatures = { ...storeFeatures(step(0), nothingStored({ seed: 0 }), 1), offered: 10_000_000 };
      const next = storeFeatures(step(1), stored, 1);
      expect(next.offered).toBe(10_000_003);
      expect(next.image).toBe(stored.image);
    });
  });
});
