import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ArchitectureError, architecture, architectureNames, type ClipConfig, parseModelConfig } from "./architecture.ts";
import { assertAlone, type ModelFile, membersOf } from "./ensemble.ts";
import { architectureNameOf, parseTransformersConfig, toModelConfig } from "./model-config.ts";
import { clipPreprocess, type ImagePreprocess, parsePreprocess, parseTransformersPreprocess, toPreprocessCfg } from "./preprocess.ts";
import { noPrompts, withPrompts } from "./prompts.ts";
import type { TensorEntry } from "./safetensors.ts";
import { bareNames, checkNames, expectedTensors, type Naming, namingOf, planImport, type Recipe } from "./weight-names.ts";
import { openWeights, type Weights } from "./weights-file.ts";
import { WeightsFileError } from "./weights-file-error.ts";

/** A model on disk, checked against its architecture; no weight has been read yet. */
export interface OpenedModel {
  readonly config: ClipConfig;
  /** OpenCLIP's name of the architecture, prompts aside, when it has one. */
  readonly architecture: string | undefined;
  readonly preprocess: ImagePreprocess;
  readonly naming: Naming;
  /** Files that hold weights. */
  readonly files: readonly string[];
  /** Where each tensor lies, by the name the file gives it. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** How each of the model's own tensors, in the architecture's order, is made from `entries`. */
  readonly recipes: readonly Recipe[];
  /** True CLIP ids of the rows of a token table that is a part of CLIP's, ascending; undefined for the whole table. */
  readonly tokenIds: readonly number[] | undefined;
  /** Files of the models that are one with it, where it stands for an ensemble: its own weights are the last of them. */
  readonly members: readonly ModelFile[];
}

/** How a model is opened. */
export interface OpenOptions {
  readonly arch?: string;
  /** What a file holds is wanted by itself, or with its `members`, also where it stands for an ensemble; that is refused otherwise. */
  readonly ofEnsemble?: true;
}

interface Description {
  readonly config: ClipConfig;
  readonly preprocess: ImagePreprocess;
}

/**
 * Opens a `.safetensors` file (or the index of a sharded one), a folder in OpenCLIP's form, a folder in transformers'
 * form, or a folder with nothing but `model.safetensors`.
 * What a file says of itself (metadata written by {@link modelMetadata}, a config beside it) decides its architecture;
 * `arch` must then agree, prompts aside. A file that says nothing is matched by its shapes; where they leave a choice, `arch` makes it.
 * @throws {WeightsFileError}, {WeightNamesError} or {ArchitectureError} saying what is wrong with which file; {EnsembleError} for one that is a part of the model alone.
 */
export async function openModelFolder(path: string, options: OpenOptions = {}): Promise<OpenedModel> {
  const weights = await openWeights(weightsPath(path));
  const folder = isFolder(path) ? path : dirname(path);
  const where = weights.files[0] ?? path;
  const members = membersOf(weights.metadata, where);
  if (!options.ofEnsemble) assertAlone(members, where);
  const told = describeMetadata(weights.metadata, where) ?? describeFolder(folder, /^model\./.test(basename(where)) || isFolder(path));
  const description = told === undefined ? infer(weights, options.arch, where) : agree(told, options.arch, where);
  const { naming, recipes } = planImport(where, weights.entries, description.config);
  checkTypes(weights.entries, recipes);
  return {
    ...description,
    architecture: architectureNameOf(withPrompts(description.config, noPrompts)),
    naming,
    files: weights.files,
    entries: new Map(weights.entries.map((entry) => [entry.name, entry])),
    recipes,
    tokenIds: tokenIdsOf(weights.metadata, description.config, where),
    members,
  };
}

const weightNames = ["open_clip_model", "model"].flatMap((name) => [`${name}.safetensors`, `${name}.safetensors.index.json`]);
const pickles = ["open_clip_pytorch_model.bin", "pytorch_model.bin", "pytorch_model.bin.index.json"];

function weightsPath(path: string): string {
  if (!isFolder(path)) return path;
  const found = weightNames.find((name) => existsSync(join(path, name)));
  if (found) return join(path, found);
  // Opening a pickle is refused with the way to convert it.
  const pickle = pickles.find((name) => existsSync(join(path, name)));
  if (pickle && !pickle.endsWith(".json")) return join(path, pickle);
  throw new WeightsFileError(
    path,
    "unreadable",
    `holds no weights; expected one of ${weightNames.join(", ")}${pickle ? ` (it has pickle files: ${pickle})` : ""}`,
  );
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** `config.json` is a common name, so it is read only beside weights named as transformers names them. */
function describeFolder(folder: string, transformersToo: boolean): Description | undefined {
  const openClip = readConfig(join(folder, "open_clip_config.json"));
  if (openClip) {
    const config = parseModelConfig(openClip.value.model_cfg, `${openClip.path}: model_cfg`);
    return {
      config,
      preprocess: parsePreprocess(openClip.value.preprocess_cfg, config.vision.imageSize, `${openClip.path}: preprocess_cfg`),
    };
  }
  const transformers = transformersToo ? readConfig(join(folder, "config.json")) : undefined;
  if (!transformers) return undefined;
  const config = parseTransformersConfig(transformers.value, transformers.path);
  const processor = readConfig(join(folder, "preprocessor_config.json"));
  return { config, preprocess: parseTransformersPreprocess(processor?.value, config.vision.imageSize, processor?.path ?? folder) };
}

function readConfig(path: string): { readonly path: string; readonly value: Record<string, unknown> } | undefined {
  if (!existsSync(path)) return undefined;
  const value = parseJson(readFileSync(path, "utf8"), path);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new ArchitectureError(`${path}: expected a JSON object`);
  return { path, value: value as Record<string, unknown> };
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ArchitectureError(`${where}: is not JSON: ${(cause as Error).message}`);
  }
}

/** Metadata that makes a single file describe itself; `format` is what transformers asks for. */
export function modelMetadata(model: {
  readonly config: ClipConfig;
  readonly preprocess: ImagePreprocess;
  readonly tokenIds?: readonly number[];
  /** See {@link OpenedModel.members}, by paths from the file's folder. */
  readonly members?: readonly ModelFile[];
}): Readonly<Record<string, string>> {
  const name = architectureNameOf(model.config);
  return {
    format: "pt",
    ...(name === undefined ? {} : { arch: name }),
    model_cfg: JSON.stringify(toModelConfig(model.config)),
    preprocess_cfg: JSON.stringify(toPreprocessCfg(model.preprocess)),
    ...(model.tokenIds === undefined ? {} : { token_ids: JSON.stringify(model.tokenIds) }),
    ...(model.members === undefined ? {} : { ensemble: JSON.stringify(model.members) }),
  };
}

function describeMetadata(metadata: Weights["metadata"], where: string): Description | undefined {
  const { arch, model_cfg, preprocess_cfg } = metadata;
  if (model_cfg === undefined && arch === undefined) return undefined;
  const config =
    model_cfg === undefined
      ? architecture(arch ?? "", `${where}: metadata arch`)
      : parseModelConfig(parseJson(model_cfg, `${where}: metadata model_cfg`), `${where}: metadata model_cfg`);
  const told = preprocess_cfg === undefined ? {} : parseJson(preprocess_cfg, `${where}: metadata preprocess_cfg`);
  return { config, preprocess: parsePreprocess(told, config.vision.imageSize, `${where}: metadata preprocess_cfg`) };
}

function agree(told: Description, arch: string | undefined, where: string): Description {
  if (arch === undefined) return told;
  const wanted = JSON.stringify(toModelConfig(architecture(arch)));
  const plain = withPrompts(told.config, noPrompts);
  if (JSON.stringify(toModelConfig(plain)) === wanted) return told;
  const name = architectureNameOf(plain);
  throw new ArchitectureError(
    `${where}: describes itself as ${name ?? "an architecture of its own"}, not ${arch}`,
    name ? `leave --arch away, or use --arch ${name}` : "leave --arch away",
  );
}

function infer(weights: Weights, arch: string | undefined, where: string): Description {
  const plain = (config: ClipConfig): Description => ({ config, preprocess: { size: config.vision.imageSize, ...clipPreprocess } });
  if (arch !== undefined) return plain(architecture(arch));
  const fitting = architecturesThatFit(weights.entries, where);
  const [only, ...others] = fitting;
  if (only === undefined)
    throw new ArchitectureError(
      `${where}: says nothing of its architecture, and its shapes are none of the known ones`,
      "put its open_clip_config.json beside it",
    );
  if (others.length === 0) return plain(architecture(only));
  throw new ArchitectureError(
    `${where}: says nothing of its architecture; by its shapes it can be ${fitting.join(" or ")}. They differ in the activation, which leaves no trace in the weights`,
    `say which: --arch ${only} for weights trained with exact GELU (LAION-2B, DataComp), --arch ${others[0]} for QuickGELU (OpenAI, MetaCLIP, DFN, LAION-400M of B-32)`,
  );
}

/** Names of the presets that have exactly these tensors, the one with exact GELU first. */
function architecturesThatFit(entries: readonly TensorEntry[], where: string): readonly string[] {
  const bare = bareNames(entries, where);
  const naming = namingOf(bare.keys(), where);
  const found = [...bare].map(([name, { shape }]) => ({ name, shape: /^logit_/.test(name) ? [] : shape }));
  const fits = (config: ClipConfig): boolean =>
    (naming === "openclip" || config.vision.kind === "vit") && checkNames(found, expectedTensors(config, naming)) === undefined;
  const names = architectureNames().filter((name) => fits(architecture(name)));
  return names.sort((a, b) => Number(architecture(a).quickGelu) - Number(architecture(b).quickGelu));
}

/** Weights must be floating point; anything else would be read as noise. */
function checkTypes(entries: readonly TensorEntry[], recipes: readonly Recipe[]): void {
  const wanted = new Map(recipes.flatMap((recipe) => recipe.sources.map((source) => [source, recipe.target] as const)));
  for (const { name, dtype, path } of entries) {
    const target = wanted.get(name);
    if (target === undefined) continue;
    const counter = target.endsWith(".num_batches_tracked");
    const allowed = counter ? ["I64"] : ["F32", "F16", "BF16"];
    if (!allowed.includes(dtype))
      throw new WeightsFileError(path, "dtype", `has dtype ${dtype}; expected ${allowed.join(", ")}`, { tensor: name });
  }
}

function tokenIdsOf(
  { token_ids: text }: Weights["metadata"],
  { text: { vocabSize } }: ClipConfig,
  where: string,
): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const ids = parseJson(text, `${where}: metadata token_ids`);
  const ascending = (list: readonly unknown[]): list is readonly number[] =>
    list.every((id, i) => Number.isInteger(id) && (id as number) > (i === 0 ? -1 : (list[i - 1] as number)));
  if (!Array.isArray(ids) || !ascending(ids) || ids.length !== vocabSize)
    throw new ArchitectureError(`${where}: metadata token_ids: expected ${vocabSize} ascending ids, one a row of the token table`);
  return ids;
}
