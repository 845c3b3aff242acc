import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { disturb, folded, methodsOf, withAdapters } from "../../test/fixtures/training/adapted.ts";
import { tinyModel } from "../../test/fixtures/training/tiny.ts";
import { memory } from "../engine/memory.ts";
import { release, scope } from "../engine/scope.ts";
import { readFloats, type Weights } from "../engine/tensor.ts";
import { createRandom } from "../util/random.ts";
import { readPeft, writePeft } from "./peft-format.ts";
import { foldedWeights, packedAdapters } from "./placed-adapters.ts";
import { snapshot } from "./snapshot.ts";

const seed = 3;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vera-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each([
  // Two towers and layers of two sizes: four pairs.
  [{ r: 4, loraAlpha: 8 }, 16],
  [{ r: 3, targetModules: ["q", "v"], blocks: { image: "all", text: [] } }, 3],
  [{ r: 2, rslora: true, targetModules: ["proj", "out"], blocks: { image: [1], text: [0] } }, 8],
])("adapters with %j fold to the same weights after a way through PEFT's form of rank %i", async (options, rank) => {
  const before = memory().tensors;
  const model = withAdapters(tinyModel(), await methodsOf("vera", options), { seed });
  disturb(model, /./);
  const expected = folded(model);
  const { adapters, ...plain } = model;
  const packed = await packedAdapters(
    plain,
    { method: { name: "vera", ...options }, weights: snapshot(adapters?.weights as Weights) },
    createRandom(seed),
  );
  expect(packed.method).toEqual({ name: "vera", r: rank });
  await writePeft(join(folder, "a"), packed, plain.config);
  const again = await readPeft(join(folder, "a"), plain.config);
  const made = await foldedWeights(plain, again, folder);
  expect(new Set(made.keys())).toEqual(new Set(adapters?.sites.keys()));
  for (const [name, value] of made) {
    const [ours, theirs, start] = [expected.weights.get(name), value, plain.weights.get(name)].map((of) => (of ? readFloats(of) : []));
    const worst = Array.from(theirs ?? []).reduce((most, entry, i) => Math.max(most, Math.abs(entry - (ours?.[i] ?? Number.NaN))), 0);
    const moved = Array.from(theirs ?? []).reduce((most, entry, i) => Math.max(most, Math.abs(entry - (start?.[i] ?? Number.NaN))), 0);
    expect({ name, close: worst < 1e-6, moved: moved > 1e-3 }).toEqual({ name, close: true, moved: true });
  }
  release([model, expected, adapters, packed, again, made]);
  expect(memory().tensors).toBe(before);
});

test("another seed draws other matrices, so the weights are others", async () => {
  const options = { r: 2, targetModules: ["q"], blocks: { image: [0], text: [] } };
  const model = withAdapters(tinyModel(), await methodsOf("vera", options), { seed });
  disturb(model, /./);
  const { adapters, ...plain } = model;
  const weights = adapters?.weights as Weights;
  const packed = await Promise.all(
    [seed, seed + 1].map((from) =>
      packedAdapters(plain, { method: { name: "vera", ...options }, weights: snapshot(weights) }, createRandom(from)),
    ),
  );
  const [own, other] = packed.map(({ common }) => readFloats(common?.get("vera_A") as never));
  const [down] = adapters?.shared ?? [];
  expect(own).toEqual(scope(() => readFloats(down as never)));
  expect(other).not.toEqual(own);
  release([model, adapters, packed]);
});
