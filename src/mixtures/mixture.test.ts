import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchSources, type Mixture, MixtureError, shortBufferRules, splitBatch } from "./mixture.ts";
import { mixturePresets } from "./presets.ts";

const plenty = { pretraining: 1e6, update: 1e6, buffer: 1e6 };
const split = (shares: Mixture, batchSize: number, buffer = 1e6, rule: "split" | "oversample-update" = "split"): string => {
  const rows = splitBatch({ batchSize, shares, pools: { ...plenty, buffer }, rule });
  return `${rows.pretraining}/${rows.update}/${rows.buffer}`;
};

describe("splitBatch", () => {
  test.each([
    ["reference", "169/175/168 85/87/84 43/43/42 22/21/21"],
    ["no-buffer", "256/256/0 128/128/0 64/64/0 32/32/0"],
    ["ibrahim", "26/246/240 13/123/120 7/61/60 4/30/30"],
    ["pretrain-heavy", "410/51/51 205/26/25 103/13/12 52/6/6"],
    ["iidify", "0/52/460 0/26/230 0/13/115 0/7/57"],
    ["oracle", "169/343/0 85/171/0 43/85/0 22/42/0"],
    ["update-only", "0/512/0 0/256/0 0/128/0 0/64/0"],
  ] as const)("%s at 512, 256, 128 and 64 is %s", (name, want) => {
    expect([512, 256, 128, 64].map((size) => split(mixturePresets[name], size)).join(" ")).toBe(want);
  });
  test.each([
    ["reference", "253/259/0", "169/343/0"],
    ["ibrahim", "146/366/0", "26/486/0"],
    ["pretrain-heavy", "435/77/0", "410/102/0"],
    ["iidify", "0/512/0", "0/512/0"],
  ] as const)("%s with an empty buffer is %s by split, %s by oversample-update", (name, bySplit, byUpdate) => {
    expect(split(mixturePresets[name], 512, 0)).toBe(bySplit);
    expect(split(mixturePresets[name], 512, 0, "oversample-update")).toBe(byUpdate);
  });
  test("a short buffer gives what it has, and the rule fills the rest", () => {
    expect(split(mixturePresets.reference, 512, 100)).toBe("203/209/100");
    expect(split(mixturePresets.reference, 512, 168)).toBe("169/175/168");
  });
  test("without a share for update, pretraining fills in; without either, the split is refused", () => {
    expect(split({ pretraining: 0.5, update: 0, buffer: 0.5 }, 64, 0)).toBe("64/0/0");
    expect(() => split({ pretraining: 0, update: 0, buffer: 1 }, 64, 0)).toThrow(MixtureError);
    expect(() => split({ pretraining: 0, update: 0, buffer: 1 }, 64, 63)).toThrow(/holds 63 samples for 64 rows/);
  });
  test("an empty pool that should give rows is refused by name", () => {
    const pools = { ...plenty, pretraining: 0 };
    expect(() => splitBatch({ batchSize: 64, shares: mixturePresets.reference, pools, rule: "split" })).toThrow(
      /come from pretraining, whose pool is empty/,
    );
    expect(splitBatch({ batchSize: 64, shares: mixturePresets.iidify, pools, rule: "split" }).pretraining).toBe(0);
  });
  test("rows add up to the batch, stay within one of their share, and a share of 0 gets none", () => {
    const weights = fc.tuple(fc.nat({ max: 1000 }), fc.nat({ max: 1000 }), fc.nat({ max: 1000 })).filter((w) => w.some((x) => x > 0));
    fc.assert(
      fc.property(
        weights,
        fc.integer({ min: 1, max: 100_000 }),
        fc.nat({ max: 2000 }),
        fc.constantFrom(...shortBufferRules),
        ([p, u, b], batchSize, held, rule) => {
          const sum = p + u + b;
          const shares = { pretraining: p / sum, update: u / sum, buffer: b / sum };
          const full = splitBatch({ batchSize, shares, pools: plenty, rule });
          for (const source of batchSources) {
            expect(Math.abs(full[source] - batchSize * shares[source])).toBeLessThanOrEqual(1 + 1e-6);
            if (shares[source] === 0) expect(full[source]).toBe(0);
          }
          fc.pre(p + u > 0);
          const short = splitBatch({ batchSize, shares, pools: { ...plenty, buffer: held }, rule });
          expect(short.pretraining + short.update + short.buffer).toBe(batchSize);
          expect(short.buffer).toBe(Math.min(full.buffer, held));
          for (const source of batchSources) if (shares[source] === 0) expect(short[source]).toBe(0);
        },
      ),
    );
  });
});

test("the shares of every preset add up to 1", () => {
  for (const { update, buffer, pretraining } of Object.values(mixturePresets))
    expect(Math.abs(update + buffer + pretraining - 1)).toBeLessThan(1e-12);
});
