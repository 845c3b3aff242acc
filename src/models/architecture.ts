import { readdirSync, readFileSync } from "node:fs";
import { z } from "zod";
import { EvergreenError, nearest } from "../util/errors.ts";
import { issueText } from "../util/issues.ts";
import { quoted } from "../util/quoted.ts";

/** A plain image transformer: patches, class token, blocks, class token out. */
export interface VitConfig {
  readonly kind: "vit";
  readonly imageSize: number;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  /** Width of the hidden layer of each block's MLP: ⌊width × ratio⌋. */
  readonly mlpWidth: number;
  /** Pixels from one token to the next, the stem's strides included. */
  readonly patchSize: number;
  /**
   * Channels of 3×3 convolutions (stride 2, padding 1, with bias, each followed by the model's activation) in front of
   * the patch convolution, whose kernel shrinks to patchSize / 2ⁿ. Empty in every OpenCLIP architecture; ours.
   */
  readonly convStem: readonly number[];
  /** Learned tokens beside the patches; absent where there are none. Ours. */
  readonly prompts?: number;
}

/** OpenAI's ResNet: three-convolution stem, antialiased strides, attention pooling. */
export interface ResNetConfig {
  readonly kind: "resnet";
  readonly imageSize: number;
  /** Bottleneck blocks of the four stages. */
  readonly layers: readonly [number, number, number, number];
  /** Channels behind the stem; the features have 32 times as many. */
  readonly width: number;
  /** Heads of the attention pooling. */
  readonly heads: number;
}

/** Causal text transformer, read at the position of the largest id. */
export interface TextConfig {
  readonly contextLength: number;
  readonly vocabSize: number;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly mlpWidth: number;
  /** Learned tokens between the start token and the text; absent where there are none. Ours. */
  readonly prompts?: number;
}

/** Everything that decides a CLIP model's parameters and forward pass, and nothing else. */
export interface ClipConfig {
  readonly embedDim: number;
  /** x·σ(1.702x) in place of the exact GELU. It leaves no trace in the weights, so it must follow their tag. */
  readonly quickGelu: boolean;
  readonly vision: VitConfig | ResNetConfig;
  readonly text: TextConfig;
  /** Logarithm of the scale a fresh model starts from. */
  readonly initLogitScale: number;
  /** Present when the model has a `logit_bias`, as the sigmoid loss wants. */
  readonly initLogitBias?: number;
}

/** An architecture that is not known, not well described, or that these towers cannot build. */
export class ArchitectureError extends EvergreenError {
  constructor(message: string, fix?: string) {
    super(message, { code: "EG-3401", exit: "config", ...(fix === undefined ? {} : { fix }) });
  }
}

const size = z.int().positive().max(10_000_000);
const depth = z.int().positive().max(1000);
const square = z.union([
  size,
  z
    .tuple([size, size])
    .refine(([height, width]) => height === width, "expected a square")
    .transform(([side]) => side),
]);
const ratio = z.number().positive().max(64);
const prompts = z.int().min(0).max(1000).default(0);
/** A key of OpenCLIP's that our towers support at one value only. */
const only = (...values: readonly (string | number | boolean | null)[]) => z.literal([...values]).optional();

const blockKeys = {
  ls_init_value: only(null),
  block_type: only(null, "default"),
  qk_norm: only(false),
  scaled_cosine_attn: only(false),
  scale_heads: only(false),
  scale_attn_inner: only(false),
  scale_attn: only(false),
  scale_fc: only(false),
  act_kwargs: only(null),
  norm_kwargs: only(null),
  output_tokens: only(false),
};

const visionSchema = z.strictObject({
  image_size: square.default(224),
  layers: z.union([depth, z.tuple([depth, depth, depth, depth])]).default(12),
  width: size.default(768),
  head_width: size.default(64),
  mlp_ratio: ratio.default(4),
  patch_size: z.union([square, z.null()]).default(16),
  conv_stem: z.array(size).max(6).default([]),
  prompts,
  patch_dropout: only(0),
  attentional_pool: only(false),
  no_ln_pre: only(false),
  pos_embed_type: only("learnable"),
  final_ln_after_pool: only(false),
  pool_type: only("tok"),
  timm_model_name: only(null),
  ...blockKeys,
});

const textSchema = z.strictObject({
  context_length: size.min(2).default(77),
  vocab_size: size.min(2).default(49408),
  width: size.default(512),
  heads: size.default(8),
  layers: depth.default(12),
  mlp_ratio: ratio.default(4),
  prompts,
  hf_model_name: only(null),
  hf_tokenizer_name: only(null),
  tokenizer_mode: only(null, "clean"),
  embed_cls: only(false),
  pad_id: only(0),
  eos_id: z.int().optional(),
  no_causal_mask: only(false),
  final_ln_after_pool: only(false),
  pool_type: only("argmax"),
  proj_type: only("linear"),
  proj_bias: only(false),
  ...blockKeys,
});

/** OpenCLIP's `model_cfg` as its JSON files have it, and `vision_cfg.conv_stem` and `prompts` of both towers, which are ours. Unknown keys are errors. */
const modelSchema = z.strictObject({
  embed_dim: size,
  quick_gelu: z.boolean().default(false),
  /** Says only that the file's text tower names begin with `text.`. */
  custom_text: z.boolean().optional(),
  init_logit_scale: z.number().default(Math.log(1 / 0.07)),
  init_logit_bias: z.number().nullable().optional(),
  vision_cfg: visionSchema,
  text_cfg: textSchema,
});

/**
 * Architecture from OpenCLIP's `model_cfg` JSON.
 * @param where names the file or preset in errors.
 * @throws {ArchitectureError} listing every key that is wrong.
 */
export function parseModelConfig(value: unknown, where: string): ClipConfig {
  const parsed = modelSchema.safeParse(value);
  if (!parsed.success)
    throw new ArchitectureError(
      `${where}: ${describe(parsed.error)}`,
      "only CLIP's own towers can be built: ViT or ModifiedResNet, and the causal text transformer",
    );
  const { embed_dim, quick_gelu, init_logit_scale, init_logit_bias, vision_cfg, text_cfg } = parsed.data;
  if (text_cfg.width % text_cfg.heads !== 0)
    throw new ArchitectureError(`${where}: text_cfg: width ${text_cfg.width} is not a multiple of heads ${text_cfg.heads}`);
  return {
    embedDim: embed_dim,
    quickGelu: quick_gelu,
    vision: visionConfig(vision_cfg, where),
    text: {
      contextLength: text_cfg.context_length,
      vocabSize: text_cfg.vocab_size,
      layers: text_cfg.layers,
      width: text_cfg.width,
      heads: text_cfg.heads,
      mlpWidth: Math.floor(text_cfg.width * text_cfg.mlp_ratio),
      ...(text_cfg.prompts > 0 ? { prompts: text_cfg.prompts } : {}),
    },
    initLogitScale: init_logit_scale,
    ...(typeof init_logit_bias === "number" ? { initLogitBias: init_logit_bias } : {}),
  };
}

function describe(error: z.ZodError): string {
  return issueText(error, "model_cfg");
}

function visionConfig(cfg: z.output<typeof visionSchema>, where: string): VitConfig | ResNetConfig {
  const fail = (problem: string): never => {
    throw new ArchitectureError(`${where}: vision_cfg: ${problem}`);
  };
  if (typeof cfg.layers !== "number") {
    if (cfg.prompts > 0) fail("prompts stand beside the patches of a ViT, and a ResNet has none");
    if (cfg.image_size % 32 !== 0) fail(`image_size ${cfg.image_size} is not a multiple of the ResNet's stride 32`);
    if (cfg.width % 2 !== 0) fail(`width ${cfg.width} is odd; the stem has half as many channels`);
    const heads = Math.floor((cfg.width * 32) / cfg.head_width);
    if (heads === 0 || (cfg.width * 32) % heads !== 0)
      fail(`head_width ${cfg.head_width} does not divide the features' width ${cfg.width * 32}`);
    return { kind: "resnet", imageSize: cfg.image_size, layers: cfg.layers, width: cfg.width, heads };
  }
  const heads = Math.floor(cfg.width / cfg.head_width);
  if (heads === 0 || cfg.width % heads !== 0) fail(`head_width ${cfg.head_width} does not divide width ${cfg.width}`);
  const patch = cfg.patch_size ?? fail("patch_size is missing");
  if (patch > cfg.image_size) fail(`patch_size ${patch} is larger than image_size ${cfg.image_size}`);
  const stride = 2 ** cfg.conv_stem.length;
  if (patch % stride !== 0) fail(`patch_size ${patch} is not a multiple of conv_stem's stride ${stride}`);
  if (cfg.conv_stem.length > 0 && cfg.image_size % patch !== 0)
    fail(`image_size ${cfg.image_size} is not a multiple of patch_size ${patch}, as conv_stem needs`);
  return {
    kind: "vit",
    imageSize: cfg.image_size,
    layers: cfg.layers,
    width: cfg.width,
    heads,
    mlpWidth: Math.floor(cfg.width * cfg.mlp_ratio),
    patchSize: patch,
    convStem: cfg.conv_stem,
    ...(cfg.prompts > 0 ? { prompts: cfg.prompts } : {}),
  };
}

const presetFolder = new URL("./presets/", import.meta.url);

/** Names of the architectures that ship with Evergreen (OpenCLIP's own), sorted. */
export function architectureNames(): string[] {
  return readdirSync(presetFolder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .sort();
}

/**
 * The architecture with OpenCLIP's name `name`.
 * @param where names in errors who asked for it.
 * @throws {ArchitectureError} when there is none.
 * @example architecture("ViT-B-32").vision.width // 768
 */
export function architecture(name: string, where?: string): ClipConfig {
  const known = architectureNames();
  if (!known.includes(name)) {
    const near = nearest(name, known);
    throw new ArchitectureError(
      `${where === undefined ? "" : `${where}: `}unknown architecture ${quoted(name)}; known: ${known.join(", ")}`,
      near ? `did you mean "${near}"?` : "use one of the known names, or a folder with open_clip_config.json",
    );
  }
  return parseModelConfig(JSON.parse(readFileSync(new URL(`${name}.json`, presetFolder), "utf8")), `architecture ${name}`);
}

/** Numbers of the blocks of both towers, as adapters and layer-wise merging address them. A ResNet counts its bottlenecks. */
export function blockCounts(config: ClipConfig): { readonly vision: number; readonly text: number } {
  const { vision, text } = config;
  return { vision: vision.kind === "vit" ? vision.layers : vision.layers.reduce((sum, n) => sum + n, 0), text: text.layers };
}

/** Tokens of an image, the class token (or the pooled one) included, prompts not. */
export function imageTokens(vision: VitConfig | ResNetConfig): number {
  return Math.floor(vision.imageSize / (vision.kind === "vit" ? vision.patchSize : 32)) ** 2 + 1;
}
