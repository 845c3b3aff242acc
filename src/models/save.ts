import { concat, contiguous, reshape, slice, transpose } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import { type DType, read, type Tensor } from "../engine/tensor.ts";
import type { Clip } from "./clip.ts";
import { type FloatType, floatTypes } from "./float-types.ts";
import { modelMetadata } from "./model-folder.ts";
import { narrowed } from "./narrowed.ts";
import type { ImagePreprocess } from "./preprocess.ts";
import type { Dtype } from "./safetensors.ts";
import { writeSafetensors } from "./safetensors-write.ts";
import type { ReadyTensor } from "./safetensors-write-sync.ts";
import { exportRecipes, type Naming, type Recipe } from "./weight-names.ts";

const dtypes: Readonly<Partial<Record<DType, Dtype>>> = {
  ...floatTypes,
  int64: "I64",
  int32: "I32",
  uint8: "U8",
  bool: "BOOL",
};

/** A tensor as a safetensors writer takes it: read from the engine when its turn comes. */
export function tensorSource(name: string, value: Tensor): ReadyTensor {
  const dtype = dtypes[value.dtype];
  if (!dtype) throw new Error(`internal: ${name} is ${value.dtype}, which safetensors files of ours do not hold`);
  return { name, dtype, shape: value.shape, data: () => bytesOf(value) };
}

function bytesOf(value: Tensor): Uint8Array {
  const entries = read(value);
  return new Uint8Array(entries.buffer, entries.byteOffset, entries.byteLength);
}

/** Writes the model's weights to one file that describes itself. Floating-point tensors take `dtype` (default float32). @throws {NarrowTypeError} */
export async function saveModel(
  path: string,
  model: Clip,
  options: { readonly preprocess: ImagePreprocess; readonly naming?: Naming; readonly dtype?: FloatType },
): Promise<void> {
  const metadata = modelMetadata({
    config: model.config,
    preprocess: options.preprocess,
    ...(model.tokenIds ? { tokenIds: model.tokenIds } : {}),
  });
  await writeSafetensors(path, modelTensors(model, options.naming ?? "openclip", options.dtype ?? "float32"), metadata);
}

/** The model's tensors under the names of `naming`. */
export function modelTensors(model: Clip, naming: Naming, dtype: FloatType = "float32"): readonly ReadyTensor[] {
  const state = new Map([...model.weights, ...model.buffers]);
  const stored: Dtype = floatTypes[dtype];
  return exportRecipes(model.config, naming).map((recipe) => {
    const isFloat = recipe.sources.every((name) => state.get(name)?.dtype === "float32");
    return {
      name: recipe.target,
      dtype: isFloat ? stored : "I64",
      shape: recipe.shape,
      data: () => scope(() => bytesOf(convert(recipe, state, isFloat ? dtype : "int64"))),
    };
  });
}

function convert(recipe: Recipe, state: ReadonlyMap<string, Tensor>, dtype: DType): Tensor {
  const sources = recipe.sources.map((name) => narrowed(state.get(name) as Tensor, dtype, name));
  const [first] = sources as [Tensor];
  switch (recipe.op) {
    case "copy":
    case "squeeze":
      return reshape(first, recipe.shape);
    case "transpose":
      return contiguous(transpose(first, 0, 1));
    case "concat-rows":
      return concat(sources, 0);
    case "slice-rows":
      return contiguous(slice(first, 0, ...(recipe.rows as [number, number])));
    default:
      return recipe.op satisfies never;
  }
}
