import { clone, concat, full, reshape, slice, to, transpose } from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import { type DType, mapFile, type Tensor, tensor, type Weights } from "../engine/tensor.ts";
import type { Draws, Random } from "../util/random.ts";
import type { ClipConfig } from "./architecture.ts";
import type { Clip } from "./clip.ts";
import { type OpenedModel, type OpenOptions, openModelFolder } from "./model-folder.ts";
import { buffers, type Init, parameters, type StateTensor } from "./parameters.ts";
import { clipPreprocess, type ImagePreprocess } from "./preprocess.ts";
import type { Dtype, TensorEntry } from "./safetensors.ts";
import type { Recipe } from "./weight-names.ts";

/** A model in memory with what turns an image into its input. */
export interface LoadedModel {
  readonly model: Clip;
  readonly preprocess: ImagePreprocess;
}

/** Types of tensors by their names in safetensors files. */
export const tensorTypes: Readonly<Record<Dtype, DType>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  U8: "uint8",
  BOOL: "bool",
};

/**
 * Reads a model from a weights file or folder in OpenCLIP's or transformers' form: parameters as float32, mapped first and
 * copied once. They live until they are released.
 */
export async function loadModel(path: string, options: OpenOptions = {}): Promise<LoadedModel> {
  const opened = await openModelFolder(path, options);
  return { model: readModel(opened), preprocess: opened.preprocess };
}

/** Reads the weights of a model that is open; they live until they are released. */
export function readModel(opened: OpenedModel): Clip {
  return scope(() => {
    const made = new Map(opened.recipes.map((recipe) => [recipe.target, recipe]));
    const take = (names: readonly StateTensor[], type: (name: string) => DType): Weights =>
      new Map(names.map(({ name }) => [name, scope(() => build(made.get(name) as Recipe, opened.entries, type(name)))]));
    const isCount = new Set(buffers(opened.config).flatMap((buffer) => (buffer.dtype === "I64" ? [buffer.name] : [])));
    return keep({
      config: opened.config,
      weights: take(parameters(opened.config), () => "float32"),
      buffers: take(buffers(opened.config), (name) => (isCount.has(name) ? "int64" : "float32")),
      ...(opened.tokenIds ? { tokenIds: opened.tokenIds } : {}),
    });
  });
}

/** An owned, contiguous copy in the wanted type. */
function build(recipe: Recipe, entries: ReadonlyMap<string, TensorEntry>, dtype: DType): Tensor {
  const sources = recipe.sources.map((name) => {
    const entry = entries.get(name) as TensorEntry;
    return to(mapFile(entry.path, { offset: entry.offset, dtype: tensorTypes[entry.dtype], shape: entry.shape }), dtype);
  });
  const [first] = sources as [Tensor];
  switch (recipe.op) {
    case "copy":
    case "squeeze":
      return clone(reshape(first, recipe.shape));
    case "transpose":
      return contiguousCopy(transpose(first, 0, 1));
    case "concat-rows":
      return concat(sources, 0);
    case "slice-rows":
      return clone(slice(first, 0, ...(recipe.rows as [number, number])));
    default:
      return recipe.op satisfies never;
  }
}

const contiguousCopy = (view: Tensor): Tensor => clone(reshape(view, [...view.shape]));

/** A fresh model, every tensor drawn at its own address (purpose `init/weights`, index = its place in the architecture). */
export function initialiseModel(config: ClipConfig, random: Random, tokenIds?: readonly number[]): LoadedModel {
  const model = scope(() =>
    keep({
      config,
      weights: new Map(
        parameters(config).map(({ name, shape, init }, index) => [name, fill(shape, init, random.at("init/weights", { index }))]),
      ),
      buffers: new Map(
        buffers(config).map(({ name, shape, init, dtype }) => [
          name,
          full(shape, init.kind === "constant" ? init.value : 0, dtype === "F32" ? "float32" : "int64"),
        ]),
      ),
      ...(tokenIds ? { tokenIds } : {}),
    }),
  );
  return { model, preprocess: { ...clipPreprocess, size: config.vision.imageSize } };
}

/** The model as one of `config`, whose tensors it has but for some: these are drawn, each by its name (purpose `init/<name>`). They live until they are released. */
export function grownModel(model: Clip, config: ClipConfig, random: Random): Clip {
  const weights = scope(() =>
    parameters(config).map(({ name, shape, init }): readonly [string, Tensor] => [
      name,
      model.weights.get(name) ?? keep(fill(shape, init, random.at(`init/${name}`))),
    ]),
  );
  return { ...model, config, weights: new Map(weights) };
}

function fill(shape: readonly number[], init: Init, draws: Draws): Tensor {
  if (init.kind === "constant") return full(shape, init.value);
  const entries = new Float32Array(shape.reduce((product, side) => product * side, 1));
  for (let i = 0; i < entries.length; i++)
    entries[i] = init.kind === "normal" ? init.std * draws.normal() : init.bound * (2 * draws.uniform() - 1);
  return tensor(entries, shape, "float32");
}
