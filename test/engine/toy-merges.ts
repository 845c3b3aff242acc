import { scope } from "../../src/engine/scope.ts";
import { readFloats, type Tensor, tensor } from "../../src/engine/tensor.ts";
import { sizeOf, weightsReader } from "../../src/merging/entry-reader.ts";
import type { PlacedTensor } from "../../src/merging/placement.ts";
import { allBytes, type MergeSettings, type PlannedMerge, planMerge } from "../../src/merging/planned-merge.ts";
import { resolveMerge, type WeightChoice } from "../../src/merging/settings.ts";
import type { ComponentSpec } from "../../src/util/component.ts";

/** Entries by tensor; a bare list is the one tensor `x`. */
export type Toy = readonly number[] | Float32Array | Readonly<Record<string, readonly number[] | Float32Array>>;

export interface ToyMerge {
  readonly operator: ComponentSpec;
  readonly models: readonly Toy[];
  /** Zeros when absent. */
  readonly base?: Toy;
  readonly weights?: WeightChoice;
  readonly modifier?: ComponentSpec;
  readonly statistics?: readonly Toy[];
  readonly block?: number;
  readonly seed?: number;
  readonly task?: number;
  /** What a tensor is, where it is no plain vector in the middle of a tower of three blocks. */
  readonly tensors?: Readonly<Record<string, Partial<PlacedTensor>>>;
}

/** Merges toys by the same code that merges models. */
export async function mergeToys(toy: ToyMerge): Promise<Readonly<Record<string, Float32Array>>> {
  return mergeToysBy(toy, await settingsOf(toy));
}

/** What the user is told of such a merge. */
export async function notesOfToys(toy: ToyMerge): Promise<readonly string[]> {
  const settings = await settingsOf(toy);
  return scope(() => planToys(toy, settings).notes);
}

function settingsOf(toy: ToyMerge): Promise<MergeSettings> {
  const tower = {
    operator: toy.operator,
    ...(toy.weights ? { weights: toy.weights } : {}),
    ...(toy.modifier ? { modifier: toy.modifier } : {}),
  };
  return resolveMerge({
    towers: { image: tower, text: tower },
    count: toy.models.length,
    hasBase: true,
    ...(toy.block === undefined ? {} : { block: toy.block }),
    ...(toy.seed === undefined ? {} : { seed: toy.seed }),
    ...(toy.task === undefined ? {} : { task: toy.task }),
  });
}

/** The same with parts that are at hand. */
export function mergeToysBy(toy: Omit<ToyMerge, "operator">, settings: MergeSettings): Readonly<Record<string, Float32Array>> {
  return scope(() =>
    Object.fromEntries(
      planToys(toy, settings).outputs.map((output) => [
        output.name,
        readFloats(tensor(allBytes(output, "float32"), [sizeOf(output.shape)], "float32")),
      ]),
    ),
  );
}

function planToys(toy: Omit<ToyMerge, "operator">, settings: MergeSettings): PlannedMerge {
  const first = named(toy.models[0] ?? []);
  const base = toy.base ?? Object.fromEntries(Object.entries(first).map(([name, entries]) => [name, new Float32Array(entries.length)]));
  const placed = Object.entries(first).map(
    ([name, { length }]): PlacedTensor => ({
      name,
      shape: [length],
      size: length,
      tower: "image",
      merged: "parameter",
      layers: 0,
      isInputFirst: false,
      depth: { block: 1, blocks: 3, side: "inside" },
      ...toy.tensors?.[name],
    }),
  );
  const reader = (of: Toy) => weightsReader(new Map(Object.entries(named(of)).map(([name, entries]) => [name, vector(entries)])));
  return planMerge(
    placed,
    {
      base: reader(base),
      models: toy.models.map(reader),
      ...(toy.statistics ? { statistics: toy.statistics.map(reader) } : {}),
    },
    settings,
  );
}

/** The one tensor of {@link mergeToys} as plain numbers. */
export async function mergeToy(toy: ToyMerge): Promise<readonly number[]> {
  return Array.from((await mergeToys(toy)).x ?? []);
}

const named = (toy: Toy): Readonly<Record<string, readonly number[] | Float32Array>> =>
  Array.isArray(toy) || toy instanceof Float32Array ? { x: toy } : (toy as Readonly<Record<string, readonly number[]>>);

const vector = (entries: readonly number[] | Float32Array): Tensor => tensor(Float32Array.from(entries), [entries.length], "float32");

/** The three task vectors of the worked rows. */
export const workedVectors = [
  [1, -2, 3, 0.5, 0, -4],
  [2, 1, -1, 0.5, -0.25, 3],
  [-0.5, -1, 2, 4, 0.25, 1],
] as const;

/** Largest distance of two lists, entry by entry. */
export function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Array.from(a).reduce((worst, value, i) => {
    const distance = Math.abs(value - (b[i] as number));
    return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.max(worst, distance);
  }, 0);
}
