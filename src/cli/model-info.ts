import { statSync } from "node:fs";
import type { ClipConfig } from "../models/architecture.ts";
import { type OpenedModel, openModelFolder } from "../models/model-folder.ts";
import { parameterCounts } from "../models/parameters.ts";
import { type Dtype, readBytes } from "../models/safetensors.ts";
import { hashFile } from "../util/hash.ts";
import { formatBytes } from "../util/units.ts";
import { parse, storeFlags } from "./command.ts";
import { findModelFile, modelReferenceHelp } from "./model-reference.ts";

export const usage = {
  synopsis: "model info MODEL [--arch NAME] [--json]",
  about: `What a model is, from its headers; no weight but the logit scale is read. MODEL is ${modelReferenceHelp}.`,
  flags: { arch: { type: "string", help: "architecture, where the weights leave a choice" }, runs: storeFlags.runs },
  arguments: [1, 1],
} as const;

/** What `model info --json` prints. */
export interface ModelInfo {
  readonly path: string;
  /** OpenCLIP's name, null for an architecture that has none. */
  readonly arch: string | null;
  readonly activation: "gelu" | "quick_gelu";
  readonly naming: OpenedModel["naming"];
  readonly parameters: { readonly vision: number; readonly text: number; readonly total: number };
  /** Numbers of tensors by type. */
  readonly dtypes: Readonly<Partial<Record<Dtype, number>>>;
  readonly embedDim: number;
  readonly vision: ClipConfig["vision"];
  readonly text: ClipConfig["text"];
  readonly preprocess: OpenedModel["preprocess"];
  /** What similarities are multiplied by: the exponential of what the file holds. */
  readonly logitScale: number;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
  /** Files of the models that are one by their largest logits, this the last of them; none where it is a model by itself. */
  readonly ensemble: OpenedModel["members"];
}

/** `evergreen model info`. Needs no engine. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags, rest } = parsed;
  const path = findModelFile(rest[0] ?? "", flags.runs);
  const info = await describe(
    path,
    await openModelFolder(path, { ofEnsemble: true, ...(flags.arch === undefined ? {} : { arch: flags.arch }) }),
  );
  process.stdout.write(flags.json ? `${JSON.stringify(info)}\n` : page(info));
  return 0;
}

async function describe(path: string, opened: OpenedModel): Promise<ModelInfo> {
  const { config, naming, preprocess } = opened;
  const dtypes: Partial<Record<Dtype, number>> = {};
  for (const { dtype } of opened.entries.values()) dtypes[dtype] = (dtypes[dtype] ?? 0) + 1;
  return {
    path,
    arch: opened.architecture ?? null,
    activation: config.quickGelu ? "quick_gelu" : "gelu",
    naming,
    parameters: parameterCounts(config),
    dtypes,
    embedDim: config.embedDim,
    vision: config.vision,
    text: config.text,
    preprocess,
    logitScale: Math.exp(await logarithmOfScale(opened)),
    files: await Promise.all(opened.files.map(async (file) => ({ path: file, bytes: statSync(file).size, sha256: await hashFile(file) }))),
    ensemble: opened.members,
  };
}

async function logarithmOfScale({ entries, recipes }: OpenedModel): Promise<number> {
  const entry = entries.get(recipes.find(({ target }) => target === "logit_scale")?.sources[0] ?? "");
  if (!entry) throw new Error("internal: an opened model has no logit scale");
  return floatOf(entry.dtype, await readBytes(entry));
}

/** The first value of weights of a floating type, little-endian. */
export function floatOf(dtype: Dtype, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === "F32") return view.getFloat32(0, true);
  const bits = view.getUint16(0, true);
  if (dtype === "BF16") {
    const wide = new DataView(new ArrayBuffer(4));
    wide.setUint32(0, bits << 16);
    return wide.getFloat32(0);
  }
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 0) return sign * fraction * 2 ** -14;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction) * 2 ** (exponent - 15);
}

function page(info: ModelInfo): string {
  const { vision, text, preprocess, parameters } = info;
  const millions = (count: number): string => `${(count / 1e6).toFixed(1)} M`;
  const prompts = (of: { readonly prompts?: number }): string => (of.prompts ? `, ${of.prompts} prompts` : "");
  const tower =
    vision.kind === "vit"
      ? `ViT, patches of ${vision.patchSize}, ${vision.layers} layers of ${vision.width}, ${vision.heads} heads${vision.convStem.length > 0 ? `, stem ${vision.convStem.join(" ")}` : ""}${prompts(vision)}`
      : `ResNet, ${vision.layers.join("-")} blocks, width ${vision.width}`;
  const rows = {
    model: info.path,
    architecture: `${info.arch ?? "one of its own"}, ${info.activation === "gelu" ? "exact GELU" : "QuickGELU"}, embeddings of ${info.embedDim}`,
    image: `${tower}   ${millions(parameters.vision)} parameters`,
    text: `${text.layers} layers of ${text.width}, ${text.heads} heads, ${text.contextLength} tokens of ${text.vocabSize}${prompts(text)}   ${millions(parameters.text)} parameters`,
    parameters: `${parameters.total.toLocaleString("en")}`,
    "logit scale": info.logitScale.toFixed(4),
    preprocessing: `${preprocess.size} px, ${preprocess.resizeMode}, ${preprocess.interpolation}, mean ${preprocess.mean.join(" ")}, std ${preprocess.std.join(" ")}`,
    names: info.naming === "openclip" ? "OpenCLIP's" : "transformers'",
    types: Object.entries(info.dtypes)
      .map(([dtype, count]) => `${dtype} (${count} tensors)`)
      .join(", "),
    ...Object.fromEntries(
      info.files.map(({ path, bytes, sha256 }, i) => [
        info.files.length === 1 ? "file" : `file ${i + 1}`,
        `${info.files.length === 1 ? "" : `${path}, `}${formatBytes(bytes)}, sha256 ${sha256}`,
      ]),
    ),
    ...(info.ensemble.length > 0
      ? { "one of": `${info.ensemble.length} models whose largest logits count: ${info.ensemble.map(({ path }) => path).join(", ")}` }
      : {}),
  };
  const width = Math.max(...Object.keys(rows).map((name) => name.length));
  return Object.entries(rows)
    .map(([name, value]) => `${name.padEnd(width)}  ${value}\n`)
    .join("");
}
