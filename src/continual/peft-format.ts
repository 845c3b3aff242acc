import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clone, to } from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import { mapFile, type Weights } from "../engine/tensor.ts";
import { blockCounts, type ClipConfig } from "../models/architecture.ts";
import { tensorTypes } from "../models/load.ts";
import { readHeader, type TensorEntry } from "../models/safetensors.ts";
import { writeSafetensorsSync } from "../models/safetensors-write-sync.ts";
import { tensorSource } from "../models/save.ts";
import { expectedTensors } from "../models/weight-names.ts";
import { syncFile, syncFolder } from "../util/atomic-file.ts";
import type { ComponentSpec } from "../util/component.ts";
import { EvergreenError } from "../util/errors.ts";
import type { Json } from "../util/json.ts";
import { quoted } from "../util/quoted.ts";
import { methods } from "./method.ts";
import { type TargetModule, targetModules } from "./sites.ts";

// PEFT's folder holds adapter_config.json and adapter_model.safetensors, whose names are those of transformers' CLIPModel.

const configFile = "adapter_config.json";
const tensorsFile = "adapter_model.safetensors";

/** Our part of a block and transformers' module, with our weight that the part's rows are of. */
const modules: Readonly<Record<TargetModule, { readonly theirs: string; readonly weight: string }>> = {
  q: { theirs: "self_attn.q_proj", weight: "attn.in_proj_weight" },
  k: { theirs: "self_attn.k_proj", weight: "attn.in_proj_weight" },
  v: { theirs: "self_attn.v_proj", weight: "attn.in_proj_weight" },
  out: { theirs: "self_attn.out_proj", weight: "attn.out_proj.weight" },
  fc: { theirs: "mlp.fc1", weight: "mlp.c_fc.weight" },
  proj: { theirs: "mlp.fc2", weight: "mlp.c_proj.weight" },
};

/** Adapters apart from their model: the method with its options, as a run file names it, and the parameters. */
export interface StoredAdapters {
  readonly method: ComponentSpec;
  /** `adapter.<weight>.<own name>`, float32. */
  readonly weights: Weights;
  /** What PEFT's file holds once for the whole model, by its names. */
  readonly common?: Weights;
}

/** Whether a folder is one of PEFT's. */
export const isPeftFolder = (path: string): boolean => existsSync(join(path, configFile));

/** The file of a folder of PEFT's that holds the tensors. */
export const peftTensorsFile = (folder: string): string => join(folder, tensorsFile);

/** A folder that holds no adapters of ours, or none of this model. */
export class PeftFormatError extends EvergreenError {
  constructor(where: string, problem: string, fix = "take the adapters of a CLIPModel of the same architecture") {
    super(`${where}: ${problem}`, { code: "EG-4140", exit: "data", fix });
  }
}

/** What adapter_config.json says. */
type Settings = Readonly<Record<string, Json>>;

/** Where a parameter of an adapter belongs. */
interface Place {
  readonly tower: "image" | "text";
  readonly block: number;
  readonly part: TargetModule;
  /** Of the parameter, as `lora_A`. */
  readonly own: string;
}

/**
 * Writes adapters as PEFT does, for `PeftModel.from_pretrained(CLIPModel, folder)`. The folder must be new.
 * @throws {EvergreenError} for a method, or options of one, that PEFT has no counterpart of, and for a model that CLIPModel cannot be.
 */
export async function writePeft(
  folder: string,
  { method, weights, common = new Map() }: StoredAdapters,
  config: ClipConfig,
): Promise<void> {
  const { name, ...given } = method;
  const definition = await methods.load(name);
  if (!definition.peft)
    throw new EvergreenError(`adapters of ${name} have no form of PEFT's`, {
      code: "EG-3109",
      exit: "config",
      fix: "export the folded weights",
    });
  expectedTensors(config, "transformers");
  const settings = definition.peft.settings(definition.options.parse(given));
  const places = [...weights].map(([full, value]) => ({ value, ...placeOf(full) }));
  const told = { ...defaults, ...settings, target_modules: [...targetsOf(places, config)] };
  mkdirSync(folder, { recursive: true });
  const sorted = Object.fromEntries(Object.entries(told).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(join(folder, configFile), `${JSON.stringify(sorted, null, 2)}\n`, { flag: "wx" });
  writeSafetensorsSync(
    join(folder, tensorsFile),
    [
      ...places.map(({ value, ...place }) => tensorSource(theirName(place), value)),
      ...[...common].map(([own, value]) => tensorSource(`base_model.${own}`, value)),
    ],
    { format: "pt" },
  );
  for (const file of [configFile, tensorsFile]) syncFile(join(folder, file));
  syncFolder(folder);
}

/** What every adapter_config.json of ours says. */
const defaults = {
  bias: "none",
  base_model_name_or_path: null,
  fan_in_fan_out: false,
  inference_mode: true,
  modules_to_save: null,
  task_type: null,
  auto_mapping: { base_model_class: "CLIPModel", parent_library: "transformers.models.clip.modeling_clip" },
} as const;

/** Refuses a folder whose settings or file of tensors no method of ours can take, without reading a value. @throws {PeftFormatError} or {WeightsFileError} */
export async function checkPeft(folder: string): Promise<void> {
  const where = join(folder, configFile);
  await methodOf(readSettings(where), where);
  await readHeader(peftTensorsFile(folder));
}

/** Reads adapters that {@link writePeft} or PEFT wrote. Their tensors live until they are released. @throws {PeftFormatError} */
export async function readPeft(folder: string, config: ClipConfig): Promise<StoredAdapters> {
  const where = join(folder, configFile);
  const settings = readSettings(where);
  const path = join(folder, tensorsFile);
  const { entries } = await readHeader(path);
  const [whole, own] = [entries.filter(({ name }) => commonName(name)), entries.filter(({ name }) => !commonName(name))];
  const found = own.map((entry) => ({ entry, ...foundPlace(entry.name, path) }));
  const method = { ...(await methodOf(settings, where)), ...sitesOption(found, config, path) };
  return scope(() =>
    keep({
      method,
      weights: new Map(found.map(({ entry, ...place }) => [ourName(place), copied(entry)])),
      ...(whole.length > 0 ? { common: new Map(whole.map((entry) => [commonName(entry.name) ?? "", copied(entry)])) } : {}),
    }),
  );
}

const commonName = (name: string): string | undefined => /^base_model\.([A-Za-z_]+)$/.exec(name)?.[1];

const copied = ({ path, offset, shape, dtype }: TensorEntry) =>
  scope(() => clone(to(mapFile(path, { offset, dtype: tensorTypes[dtype], shape }), "float32")));

function readSettings(where: string): Settings {
  let settings: Json;
  try {
    settings = JSON.parse(readFileSync(where, "utf8")) as Json;
  } catch (error) {
    throw new PeftFormatError(where, `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof settings === "object" && settings !== null && !Array.isArray(settings)) return settings as Settings;
  throw new PeftFormatError(where, "expected a JSON object");
}

/** Settings of PEFT that would change what adapters compute, with the values under which they do not. */
const neutral: Readonly<Record<string, (value: Json) => boolean>> = {
  bias: (value) => value === "none",
  fan_in_fan_out: (value) => value === false,
  modules_to_save: (value) => value === null,
  layer_replication: (value) => value === null,
  rank_pattern: isEmpty,
  alpha_pattern: isEmpty,
  lora_bias: (value) => value === false,
  trainable_token_indices: (value) => value === null,
  target_parameters: (value) => value === null,
  save_projection: (value) => value === true,
};

function isEmpty(value: Json): boolean {
  return value === null || (typeof value === "object" && Object.keys(value).length === 0);
}

async function methodOf(settings: Settings, where: string): Promise<ComponentSpec> {
  checkStart(settings, where);
  const odd = Object.entries(neutral).find(([key, isNeutral]) => key in settings && !isNeutral(settings[key] ?? null));
  if (odd) throw new PeftFormatError(where, `${odd[0]}: ${JSON.stringify(settings[odd[0]])} is more than adapters of ours can hold`);
  for (const name of methods.names()) {
    const { peft, options } = await methods.load(name);
    const given = peft?.options(settings);
    if (given && options.safeParse(given).success) return { name, ...given };
  }
  throw new PeftFormatError(where, `peft_type ${JSON.stringify(settings.peft_type)} with these settings is no method of ours`);
}

/** Start values of PEFT's that leave the base as it was; under any other it changes the base when it loads the adapters. */
const plainStarts: readonly Json[] = [true, false, null, "gaussian", "eva", "orthogonal", "mica"];

function checkStart({ init_lora_weights: start = true }: Settings, where: string): void {
  if (plainStarts.includes(start)) return;
  throw new PeftFormatError(
    where,
    `init_lora_weights: ${JSON.stringify(start)} makes PEFT change the base when it loads these adapters`,
    "save them with PEFT's save_pretrained(..., path_initial_model_for_weight_conversion=INITIAL), which makes plain LoRA of pissa, olora, corda and lora_ga, or merge them with merge_and_unload there",
  );
}

/** `target_modules` and `blocks` of the sites that are there. @throws {PeftFormatError} where blocks differ in what is adapted. */
function sitesOption(found: readonly Place[], config: ClipConfig, where: string): Readonly<Record<string, Json>> {
  const parts = targetModules.filter((part) => found.some((place) => place.part === part));
  const counts = blockCounts(config);
  const blocks = Object.fromEntries(
    (["image", "text"] as const).map((tower) => {
      const own = found.filter((place) => place.tower === tower);
      const numbers = [...new Set(own.map(({ block }) => block))].sort((a, b) => a - b);
      for (const block of numbers) {
        const missing = parts.find((part) => !own.some((place) => place.block === block && place.part === part));
        if (missing) throw new PeftFormatError(where, `block ${block} of the ${tower} tower lacks ${missing}, which others have`);
      }
      return [tower, numbers.length === counts[tower === "image" ? "vision" : "text"] ? "all" : numbers];
    }),
  );
  return { targetModules: parts, blocks };
}

/** The short names where every block of both towers is adapted, else those of each module. */
function targetsOf(places: readonly Place[], config: ClipConfig): ReadonlySet<string> {
  const { vision, text } = blockCounts(config);
  const parts = new Set(places.map(({ part }) => part));
  const paths = new Set(places.map(modulePath));
  const isWhole = paths.size === parts.size * (vision + text);
  return isWhole ? new Set([...parts].map((part) => modules[part].theirs.split(".").at(-1) ?? "")) : paths;
}

const modulePath = ({ tower, block, part }: Place): string =>
  `${tower === "image" ? "vision" : "text"}_model.encoder.layers.${block}.${modules[part].theirs}`;
/** DoRA's lengths and VeRA's vectors are no layers' weights in PEFT. */
const theirName = (place: Place): string =>
  `base_model.model.${modulePath(place)}.${place.own}${/^(lora_magnitude_vector|vera_lambda_[bd])$/.test(place.own) ? "" : ".weight"}`;
const ourName = ({ tower, block, part, own }: Place): string =>
  `adapter.${tower === "image" ? "visual." : ""}transformer.resblocks.${block}.${modules[part].weight}.${part}.${own}`;

function placeOf(full: string): Place {
  const [, visual, block, part = "", own = ""] =
    /^adapter\.(visual\.)?transformer\.resblocks\.(\d+)\..+\.([a-z]+)\.([A-Za-z_]+)$/.exec(full) ?? [];
  if (!isPart(part)) throw new Error(`internal: ${full} is no parameter of an adapter`);
  return { tower: visual ? "image" : "text", block: Number(block), part, own };
}

const isPart = (text: string): text is TargetModule => (targetModules as readonly string[]).includes(text);

function foundPlace(name: string, where: string): Place {
  const pattern = /^base_model\.model\.(vision|text)_model\.encoder\.layers\.(\d+)\.([a-z_]+\.[a-z0-9_]+)\.([A-Za-z_]+?)(\.weight)?$/;
  const [, tower, block, theirs, own = ""] = pattern.exec(name) ?? [];
  const part = targetModules.find((each) => modules[each].theirs === theirs);
  if (!part) throw new PeftFormatError(where, `${quoted(name)} stands beside no layer that adapters of ours know`);
  return { tower: tower === "vision" ? "image" : "text", block: Number(block), part, own };
}
