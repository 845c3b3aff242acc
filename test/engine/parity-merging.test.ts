import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import type { WeightChoice } from "../../src/merging/settings.ts";
import type { ComponentSpec } from "../../src/util/component.ts";
import { uniform } from "./filled-weights.ts";
import { mergeToys } from "./toy-merges.ts";
import { readTensorsAt, worstDifference } from "./vectors.ts";

// mergekit's own methods on the same tensors (scripts/vectors/merging.py), under the options by which both mean the same.

const folder = fileURLToPath(new URL("../vectors/merge/", import.meta.url));
type Kind = "trained" | "near" | "turned";
interface Case {
  readonly count: number;
  readonly kind: Kind;
  readonly tensors: readonly string[];
  readonly ours: { readonly operator: ComponentSpec; readonly weights?: WeightChoice };
}
const { cases, shapes, seed, tolerance } = JSON.parse(readFileSync(`${folder}mergekit.json`, "utf8")) as {
  readonly cases: Readonly<Record<string, Case>>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly seed: number;
  readonly tolerance: number;
};
let expected: ReadonlyMap<string, Float32Array>;
beforeAll(async () => {
  expected = await readTensorsAt(`${folder}mergekit.safetensors`);
});

const sizeOf = (tensor: string): number => (shapes[tensor] ?? []).reduce((size, side) => size * side, 1);

/** The twin of the script's function: model i, or its base for −1. */
function modelOf(kind: Kind, tensor: string, i: number): Float32Array {
  const size = sizeOf(tensor);
  const base = uniform(`merge/${tensor}/base`, size, { amplitude: 0.5, offset: 0.25 });
  if (kind === "turned") return base.map((_, at) => base[(at - 3 * (i + 1) + size * size) % size] as number);
  if (i < 0) return base;
  const own = uniform(`merge/${tensor}/${i}`, size, { amplitude: kind === "near" ? 0.001 : 0.2, offset: 0 });
  if (kind === "near") return base.map((value, at) => value + (own[at] as number));
  const shared = uniform(`merge/${tensor}/shared`, size, { amplitude: 0.2, offset: 0 });
  return base.map((value, at) => value + Math.fround((shared[at] as number) + (own[at] as number)));
}

test.each(Object.entries(cases))("%s", async (name, { count, kind, tensors, ours }) => {
  const toy = (i: number) => Object.fromEntries(tensors.map((tensor) => [tensor, modelOf(kind, tensor, i)]));
  const merged = await mergeToys({
    ...ours,
    base: toy(-1),
    models: Array.from({ length: count }, (_, i) => toy(i)),
    tensors: Object.fromEntries(tensors.map((tensor) => [tensor, { shape: shapes[tensor] ?? [] }])),
    seed,
  });
  for (const tensor of tensors) {
    const { difference, at } = worstDifference(merged[tensor] as Float32Array, expected.get(`${name}/${tensor}`));
    expect({ tensor, at, off: !(difference < tolerance), difference }).toEqual({ tensor, at, off: false, difference });
  }
});
