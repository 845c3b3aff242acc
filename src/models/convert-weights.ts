import { type Dtype, dtypeBytes, readBytes, type TensorEntry } from "./safetensors.ts";
import type { TensorSource } from "./safetensors-write.ts";
import type { Recipe } from "./weight-names.ts";
import { WeightNamesError } from "./weight-names-error.ts";

/** A tensor's bytes with what is needed to move them. */
export interface RawTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/**
 * Carries out one recipe on bytes; values are moved, never changed.
 * @throws {WeightNamesError} when sources of one tensor differ in dtype.
 */
export function applyRecipe(recipe: Recipe, sources: readonly RawTensor[]): RawTensor {
  const [first] = sources;
  if (!first) throw new WeightNamesError(`internal: "${recipe.target}" has no source`);
  const mixed = sources.find((source) => source.dtype !== first.dtype);
  if (mixed) throw new WeightNamesError(`the sources of "${recipe.target}" are ${first.dtype} and ${mixed.dtype}; expected one type`);
  return { dtype: first.dtype, shape: recipe.shape, bytes: move(recipe, first, sources) };
}

function move(recipe: Recipe, first: RawTensor, sources: readonly RawTensor[]): Uint8Array {
  switch (recipe.op) {
    case "copy":
    case "squeeze":
      return first.bytes;
    case "concat-rows":
      return Buffer.concat(sources.map((source) => source.bytes));
    case "slice-rows": {
      const rowBytes = first.bytes.byteLength / (first.shape[0] ?? 1);
      const [begin, end] = recipe.rows ?? [0, 0];
      return first.bytes.subarray(begin * rowBytes, end * rowBytes);
    }
    case "transpose":
      return transpose(first);
    default:
      return recipe.op satisfies never;
  }
}

function transpose({ bytes, shape, dtype }: RawTensor): Uint8Array {
  const [rows = 0, columns = 0] = shape;
  const width = dtypeBytes[dtype];
  const result = new Uint8Array(bytes.byteLength);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * width;
      const to = (column * rows + row) * width;
      for (let i = 0; i < width; i++) result[to + i] = bytes[from + i] ?? 0;
    }
  return result;
}

/** Tensors to write, made from a file's by recipes; each is read when its turn comes. */
export function convertedTensors(entries: readonly TensorEntry[], recipes: readonly Recipe[]): readonly TensorSource[] {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  return recipes.map((recipe) => {
    const sources = recipe.sources.flatMap((name) => byName.get(name) ?? []);
    const data = async (): Promise<Uint8Array> => {
      const raw = await Promise.all(
        sources.map(async (source) => ({ dtype: source.dtype, shape: source.shape, bytes: await readBytes(source) })),
      );
      return applyRecipe(recipe, raw).bytes;
    };
    return { name: recipe.target, shape: recipe.shape, dtype: sources[0]?.dtype ?? "F32", data };
  });
}
