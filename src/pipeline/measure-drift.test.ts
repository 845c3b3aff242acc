import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { DataSource, SampleRecord, Split } from "../data/source.ts";
import { mulNumber } from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import { grownModel, type LoadedModel, loadModel } from "../models/load.ts";
import { withPrompts } from "../models/prompts.ts";
import { createRandom } from "../util/random.ts";
import { type DriftState, measureDrift, referencePairs } from "./measure-drift.ts";
import { modelPath } from "./model-path.ts";

const folder = mkdtempSync(join(tmpdir(), "drift-"));
afterAll(() => rmSync(folder, { recursive: true }));

const side = 32;
const pictures = 12;
const path = join(folder, "pictures.u8");
const draws = createRandom(1).at("test/pictures");
writeFileSync(
  path,
  Uint8Array.from({ length: pictures * side * side * 3 }, () => draws.below(256)),
);

function source(name: string, counts: Readonly<Record<Split, number>>): DataSource {
  const records = (split: Split): SampleRecord[] =>
    Array.from({ length: counts[split] }, (_, i) => ({
      id: `${name}/${split}-${i}`,
      captions: [`a ${name} numbered ${i}`, "another caption"],
      split,
      image: { kind: "raw", path, offset: (i % pictures) * side * side * 3, width: side, height: side },
    }));
  return {
    ...{ name, task: "caption", role: "pool", fingerprint: `f-${name}`, classNames: [], templates: [], licences: [] },
    records,
    concepts: () => [],
  };
}

describe("reference pairs", () => {
  const sets = [source("a", { train: 50, test: 30 }), source("b", { train: 40, test: 0 })];
  test("are drawn from the test split, or from training where there is none, and are the same each time", () => {
    const { records, digest } = referencePairs(sets, createRandom(0), 20);
    expect(records).toHaveLength(20);
    expect(new Set(records.map(({ id }) => id)).size).toBe(20);
    expect(records.every(({ id }) => /^(a\/test|b\/train)-/.test(id))).toBe(true);
    expect(referencePairs(sets, createRandom(0), 20)).toEqual({ records, digest });
    expect(referencePairs(sets, createRandom(1), 20).digest).not.toBe(digest);
  });
  test("are all there are where there are fewer", () => {
    expect(referencePairs(sets, createRandom(0)).records).toHaveLength(70);
    expect(referencePairs([], createRandom(0)).records).toEqual([]);
  });
});

const base = (): Promise<LoadedModel> => loadModel(modelPath("preset:mini-flux-base"));
/** The base with one weight multiplied. */
const scaled = (name: string, factor: number): DriftState => ({
  name: `${name} × ${factor}`,
  load: async () => {
    const { model, preprocess } = await base();
    const weight = model.weights.get(name);
    if (!weight) throw new Error(name);
    const changed = scope(() => keep(mulNumber(weight, factor)));
    return { model: { ...model, weights: new Map([...model.weights, [name, changed]]) }, preprocess };
  },
});

test("a projection twice as large moves weights and no feature; its negative turns all features about; the start has drift 0 and CKA 1", async () => {
  const pairs = referencePairs([source("a", { train: 0, test: pictures })], createRandom(0));
  const states = [scaled("visual.proj", 2), scaled("visual.proj", -1), scaled("logit_scale", 0.5)];
  const [start, double, negative, cool] = await measureDrift({ name: "start", load: base }, states, pairs, {
    batchSize: 8,
    precision: "fp32",
  });
  const part = (row: typeof start, name: string) => row?.parameters.find((each) => each.part === name);
  expect(start?.parameters.every(({ distance }) => distance === 0)).toBe(true);
  for (const row of [start, double, cool]) {
    expect(row?.image.drift).toBeCloseTo(0, 5);
    expect(row?.image.cka).toBeCloseTo(1, 5);
    expect(row?.gapChange).toBeCloseTo(0, 5);
    expect(row?.text).toEqual(start?.text);
  }
  // Twice the projection is as far from the start as the start is from 0; its negative is twice as far, and turns every image's feature by half a circle.
  expect(part(negative, "image")?.distance).toBeCloseTo(2 * (part(double, "image")?.distance ?? Number.NaN), 5);
  expect(part(double, "text")?.distance).toBe(0);
  expect(negative?.image.drift).toBeCloseTo(2, 5);
  expect(negative?.image.cka).toBeCloseTo(1, 5);
  expect(negative?.alignment.matched).toBeCloseTo(-(start?.alignment.matched ?? Number.NaN), 5);
  expect(negative?.alignment.unmatched).toBeCloseTo(-(start?.alignment.unmatched ?? Number.NaN), 5);
  expect(cool?.scale).toBeCloseTo(Math.sqrt(start?.scale ?? Number.NaN), 3);
  expect(part(cool, "all")?.distance).toBeCloseTo(Math.log(start?.scale ?? Number.NaN) / 2, 4);
}, 120_000);

test("prompts that the start lacks move features, and no weights", async () => {
  const prompted: DriftState = {
    name: "prompted",
    load: async () => {
      const { model, preprocess } = await base();
      return { model: grownModel(model, withPrompts(model.config, { image: 2, text: 0 }), createRandom(0)), preprocess };
    },
  };
  const pairs = referencePairs([source("a", { train: 0, test: 12 })], createRandom(0));
  const [, row] = await measureDrift({ name: "start", load: base }, [prompted], pairs, { batchSize: 6, precision: "fp32" });
  expect(row?.parameters.find(({ part }) => part === "all")?.distance).toBe(0);
  expect(row?.image.drift).toBeGreaterThan(1e-4);
  expect(row?.text.drift).toBeLessThan(1e-6);
});
