import { plainOrQuoted, quoted } from "../util/quoted.ts";
import type { ClipConfig } from "./architecture.ts";
import { type StateTensor, stateTensors } from "./parameters.ts";
import { WeightNamesError } from "./weight-names-error.ts";

/** Whose names a file uses: OpenCLIP's (and OpenAI's, and ours), or those of `CLIPModel` in Hugging Face transformers. */
export type Naming = "openclip" | "transformers";

export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * How one tensor of the wanted naming is made from tensors of the other. Pure movement of values: no arithmetic, any dtype.
 * `concat-rows` puts its sources below each other; `slice-rows` takes rows `rows[0]` to `rows[1]` (exclusive) of its one
 * source; `squeeze` drops the only axis of a [1].
 */
export interface Recipe {
  readonly target: string;
  readonly shape: readonly number[];
  readonly op: "copy" | "transpose" | "concat-rows" | "slice-rows" | "squeeze";
  readonly sources: readonly string[];
  readonly rows?: readonly [number, number];
}

/** OpenCLIP's names → transformers', outside of the blocks. The misspelt `pre_layrnorm` is transformers' own. */
const outside: Readonly<Record<string, string>> = {
  "visual.class_embedding": "vision_model.embeddings.class_embedding",
  "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
  "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
  "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
  "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
  "visual.ln_post.weight": "vision_model.post_layernorm.weight",
  "visual.ln_post.bias": "vision_model.post_layernorm.bias",
  "visual.proj": "visual_projection.weight",
  "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
  positional_embedding: "text_model.embeddings.position_embedding.weight",
  "ln_final.weight": "text_model.final_layer_norm.weight",
  "ln_final.bias": "text_model.final_layer_norm.bias",
  text_projection: "text_projection.weight",
  logit_scale: "logit_scale",
};

/** Within a block. The fused input projection becomes three tensors. */
const inside: Readonly<Record<string, readonly string[]>> = {
  "ln_1.weight": ["layer_norm1.weight"],
  "ln_1.bias": ["layer_norm1.bias"],
  "attn.in_proj_weight": ["self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"],
  "attn.in_proj_bias": ["self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"],
  "attn.out_proj.weight": ["self_attn.out_proj.weight"],
  "attn.out_proj.bias": ["self_attn.out_proj.bias"],
  "ln_2.weight": ["layer_norm2.weight"],
  "ln_2.bias": ["layer_norm2.bias"],
  "mlp.c_fc.weight": ["mlp.fc1.weight"],
  "mlp.c_fc.bias": ["mlp.fc1.bias"],
  "mlp.c_proj.weight": ["mlp.fc2.weight"],
  "mlp.c_proj.bias": ["mlp.fc2.bias"],
};

/** OpenCLIP keeps projections input-first; a linear layer's weight is output-first. */
const transposed = new Set(["visual.proj", "text_projection"]);

/**
 * Tensors of `config` in transformers' names, each with the OpenCLIP tensor it comes from.
 * @throws {WeightNamesError} when `CLIPModel` has no place for a tensor: ResNets, convolution stems, logit bias, prompts.
 */
function transformersTensors(tensor: StateTensor): readonly NamedShape[] {
  const { name, shape } = tensor;
  const direct = outside[name];
  if (direct !== undefined) return [{ name: direct, shape: transposed.has(name) ? [...shape].reverse() : shape }];
  const [, tower, index, rest] = /^(visual\.)?transformer\.resblocks\.(\d+)\.(.+)$/.exec(name) ?? [];
  const names = inside[rest ?? ""];
  if (!names)
    throw new WeightNamesError(
      `"${name}" has no counterpart in transformers' CLIPModel`,
      "use OpenCLIP's naming; CLIPModel holds plain image transformers without logit bias and prompts only",
    );
  const prefix = `${tower ? "vision_model" : "text_model"}.encoder.layers.${index}.`;
  const [rows = 0, ...columns] = shape;
  return names.map((part) => ({ name: prefix + part, shape: [rows / names.length, ...columns] }));
}

/** Names and shapes of a whole model of `config` in a naming. */
export function expectedTensors(config: ClipConfig, naming: Naming): readonly NamedShape[] {
  const state = stateTensors(config);
  return naming === "openclip" ? state.map(({ name, shape }) => ({ name, shape })) : state.flatMap(transformersTensors);
}

/** Recipes that make every tensor of `config` under its own (OpenCLIP's) name, in the architecture's order. */
export function importRecipes(config: ClipConfig, naming: Naming): readonly Recipe[] {
  return stateTensors(config).map((tensor): Recipe => {
    const { name: target, shape } = tensor;
    if (naming === "openclip") return { target, shape, op: "copy", sources: [target] };
    const sources = transformersTensors(tensor).map((source) => source.name);
    return { target, shape, op: transposed.has(target) ? "transpose" : sources.length > 1 ? "concat-rows" : "copy", sources };
  });
}

/** Recipes that make every tensor of a naming from the model's own; the inverse of {@link importRecipes}. */
export function exportRecipes(config: ClipConfig, naming: Naming): readonly Recipe[] {
  return stateTensors(config).flatMap((tensor): readonly Recipe[] => {
    const sources = [tensor.name];
    if (naming === "openclip") return [{ target: tensor.name, shape: tensor.shape, op: "copy", sources }];
    const parts = transformersTensors(tensor);
    if (parts.length === 1)
      return parts.map(({ name, shape }) => ({ target: name, shape, op: transposed.has(tensor.name) ? "transpose" : "copy", sources }));
    return parts.map(({ name, shape }, i) => {
      const [rows = 0] = shape;
      return { target: name, shape, op: "slice-rows", sources, rows: [i * rows, (i + 1) * rows] };
    });
  });
}

/** Facts and masks that some files carry beside the weights; the architecture has them already. */
const dropped = /^(?:text\.)?(?:input_resolution|context_length|vocab_size|attn_mask)$|^(?:text|vision)_model\.embeddings\.position_ids$/;
/** Prefixes that wrappers put before every name. */
const wrappers = ["module.", "_orig_mod.", "state_dict.", "model."];

/**
 * Tensors under their bare names: wrappers' prefixes and OpenCLIP's `text.` stripped, leftovers that are no weights dropped.
 * @param where names the file in errors.
 * @throws {WeightNamesError} when two tensors end up with one name.
 */
export function bareNames<T extends NamedShape>(found: readonly T[], where?: string): ReadonlyMap<string, T> {
  let tensors: readonly (readonly [string, T])[] = found.map((tensor) => [tensor.name, tensor]);
  for (let wrapper = common(tensors); wrapper !== undefined; wrapper = common(tensors)) {
    const { length } = wrapper;
    tensors = tensors.map(([name, tensor]) => [name.slice(length), tensor]);
  }
  const bare = new Map<string, T>();
  for (const [name, tensor] of tensors) {
    if (dropped.test(name)) continue;
    const stripped = name.startsWith("text.") ? name.slice("text.".length) : name;
    const other = bare.get(stripped);
    if (other) throw new WeightNamesError(`${inFile(where)}${quoted(other.name)} and ${quoted(tensor.name)} are both ${quoted(stripped)}`);
    bare.set(stripped, tensor);
  }
  return bare;
}

function common(tensors: readonly (readonly [string, NamedShape])[]): string | undefined {
  return tensors.length === 0 ? undefined : wrappers.find((wrapper) => tensors.every(([name]) => name.startsWith(wrapper)));
}

const inFile = (where: string | undefined): string => (where === undefined ? "" : `${where}: `);

/**
 * Whose names these are.
 * @param where names the file in errors.
 * @throws {WeightNamesError} when they are nobody's, naming what it looks like.
 */
export function namingOf(names: Iterable<string>, where?: string): Naming {
  const list = [...names];
  if (list.some((name) => name.startsWith("visual.trunk.")))
    throw new WeightNamesError(
      `${inFile(where)}its image tower is timm's (ConvNeXt, SigLIP and others)`,
      "only CLIP's ViT and ModifiedResNet towers can be built",
    );
  if (list.some((name) => /^(vision_model|text_model)\./.test(name))) return "transformers";
  if (list.some((name) => name.startsWith("visual."))) return "openclip";
  const some = list.slice(0, 3).map(plainOrQuoted).join(", ");
  throw new WeightNamesError(
    list.length === 0
      ? `${inFile(where)}it holds no tensors of a model`
      : `${inFile(where)}its ${list.length} tensors are no CLIP model's: ${some}${list.length > 3 ? ", …" : ""}`,
  );
}

/**
 * {@link importRecipes} for the tensors a file has, its own spelling as sources.
 * @param where names the file in errors.
 * @throws {WeightNamesError} listing the first ten each of missing, extra and misshaped tensors. Never a part of a model.
 */
export function planImport(
  where: string,
  found: readonly NamedShape[],
  config: ClipConfig,
): { readonly naming: Naming; readonly recipes: readonly Recipe[] } {
  const bare = bareNames(found, where);
  const naming = namingOf(bare.keys(), where);
  const shaped = new Map(
    [...bare].map(([name, { shape }]) => [name, /^logit_/.test(name) && shape.length === 1 && shape[0] === 1 ? [] : shape]),
  );
  const difference = checkNames(
    [...shaped].map(([name, shape]) => ({ name, shape })),
    expectedTensors(config, naming),
  );
  if (difference !== undefined) throw new WeightNamesError(`${where}: ${difference}`, "check that the architecture is the file's own");
  const recipes = importRecipes(config, naming).map((recipe): Recipe => {
    const tensors = recipe.sources.flatMap((name) => bare.get(name) ?? []);
    const squeezed = recipe.op === "copy" && recipe.shape.length === 0 && tensors[0]?.shape.length === 1;
    return { ...recipe, op: squeezed ? "squeeze" : recipe.op, sources: tensors.map((tensor) => tensor.name) };
  });
  return { naming, recipes };
}

/** How `found` differs from `expected`: the first ten each of missing, extra and misshaped; undefined when it does not. */
export function checkNames(found: readonly NamedShape[], expected: readonly NamedShape[]): string | undefined {
  const have = new Map(found.map(({ name, shape }) => [name, shape]));
  const want = new Set(expected.map(({ name }) => name));
  const show = (shape: readonly number[]): string => `[${shape.join(", ")}]`;
  const lists = {
    missing: expected.filter(({ name }) => !have.has(name)).map(({ name }) => name),
    extra: found.filter(({ name }) => !want.has(name)).map(({ name }) => plainOrQuoted(name)),
    misshaped: expected.flatMap(({ name, shape }) => {
      const got = have.get(name);
      return got && show(got) !== show(shape) ? [`${name} ${show(got)}, expected ${show(shape)}`] : [];
    }),
  };
  const parts = Object.entries(lists).filter(([, names]) => names.length > 0);
  if (parts.length === 0) return undefined;
  return parts
    .map(([kind, names]) => `${names.length} ${kind}: ${names.slice(0, 10).join("; ")}${names.length > 10 ? "; …" : ""}`)
    .join("\n  ");
}
