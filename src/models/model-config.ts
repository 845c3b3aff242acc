import { z } from "zod";
import { issueText } from "../util/issues.ts";
import { ArchitectureError, architecture, architectureNames, type ClipConfig, parseModelConfig } from "./architecture.ts";
import { ForeignPromptsError, hasPrompts } from "./prompts.ts";

/** OpenCLIP's `model_cfg` of a config; {@link parseModelConfig} gives the same config back. */
export function toModelConfig(config: ClipConfig): Readonly<Record<string, unknown>> {
  const { vision, text } = config;
  const vision_cfg =
    vision.kind === "resnet"
      ? { image_size: vision.imageSize, layers: vision.layers, width: vision.width, head_width: (vision.width * 32) / vision.heads }
      : {
          image_size: vision.imageSize,
          layers: vision.layers,
          width: vision.width,
          head_width: vision.width / vision.heads,
          patch_size: vision.patchSize,
          mlp_ratio: mlpRatio(vision),
          ...(vision.convStem.length > 0 ? { conv_stem: vision.convStem } : {}),
          ...(vision.prompts ? { prompts: vision.prompts } : {}),
        };
  return {
    embed_dim: config.embedDim,
    ...(config.quickGelu ? { quick_gelu: true } : {}),
    ...(config.initLogitScale === Math.log(1 / 0.07) ? {} : { init_logit_scale: config.initLogitScale }),
    ...(config.initLogitBias === undefined ? {} : { init_logit_bias: config.initLogitBias }),
    vision_cfg,
    text_cfg: {
      context_length: text.contextLength,
      vocab_size: text.vocabSize,
      width: text.width,
      heads: text.heads,
      layers: text.layers,
      mlp_ratio: mlpRatio(text),
      ...(text.prompts ? { prompts: text.prompts } : {}),
    },
  };
}

/** A ratio whose product with the width has the MLP's width as its whole part. */
function mlpRatio({ width, mlpWidth }: { readonly width: number; readonly mlpWidth: number }): number {
  const ratio = mlpWidth / width;
  return Math.floor(width * ratio) === mlpWidth ? ratio : (mlpWidth + 0.5) / width;
}

/** OpenCLIP's name of a config, when it has one. */
export function architectureNameOf(config: ClipConfig): string | undefined {
  const text = JSON.stringify(toModelConfig(config));
  return architectureNames().find((name) => JSON.stringify(toModelConfig(architecture(name))) === text);
}

const count = z.int().positive();
const activation = z.enum(["gelu", "quick_gelu"]).default("quick_gelu");
/** Other values are transformers' defaults, which its files leave out. */
const transformersSchema = z.object({
  model_type: z.literal("clip"),
  projection_dim: count.default(512),
  logit_scale_init_value: z.number().optional(),
  vision_config: z
    .object({
      hidden_size: count.default(768),
      intermediate_size: count.default(3072),
      num_hidden_layers: count.default(12),
      num_attention_heads: count.default(12),
      num_channels: z.literal(3).default(3),
      image_size: count.default(224),
      patch_size: count.default(32),
      hidden_act: activation,
      layer_norm_eps: z.literal(1e-5).default(1e-5),
    })
    .prefault({}),
  text_config: z
    .object({
      vocab_size: count.default(49408),
      hidden_size: count.default(512),
      intermediate_size: count.default(2048),
      num_hidden_layers: count.default(12),
      num_attention_heads: count.default(8),
      max_position_embeddings: count.default(77),
      hidden_act: activation,
      layer_norm_eps: z.literal(1e-5).default(1e-5),
      eos_token_id: z.int().optional(),
    })
    .prefault({}),
});

/**
 * Architecture from transformers' `config.json` of a `CLIPModel`.
 * @throws {ArchitectureError} naming every key that is wrong.
 */
export function parseTransformersConfig(value: unknown, where: string): ClipConfig {
  const parsed = transformersSchema.safeParse(value);
  if (!parsed.success)
    throw new ArchitectureError(`${where}: ${issueText(parsed.error, "config")}`, "only transformers' CLIPModel is read");
  const { vision_config: vision, text_config: text, projection_dim } = parsed.data;
  if (vision.hidden_act !== text.hidden_act)
    throw new ArchitectureError(`${where}: hidden_act is ${vision.hidden_act} for images and ${text.hidden_act} for text; expected one`);
  // 2 is what early exports say; the pooled position is that of the largest id all the same.
  const end = text.eos_token_id ?? 2;
  if (end !== 2 && end !== text.vocab_size - 1)
    throw new ArchitectureError(`${where}: text_config.eos_token_id is ${end}; expected the largest id, ${text.vocab_size - 1}`);
  const model = {
    embed_dim: projection_dim,
    quick_gelu: text.hidden_act === "quick_gelu",
    vision_cfg: {
      image_size: vision.image_size,
      layers: vision.num_hidden_layers,
      width: vision.hidden_size,
      head_width: vision.hidden_size / vision.num_attention_heads,
      patch_size: vision.patch_size,
      mlp_ratio: mlpRatio({ width: vision.hidden_size, mlpWidth: vision.intermediate_size }),
    },
    text_cfg: {
      context_length: text.max_position_embeddings,
      vocab_size: text.vocab_size,
      width: text.hidden_size,
      heads: text.num_attention_heads,
      layers: text.num_hidden_layers,
      mlp_ratio: mlpRatio({ width: text.hidden_size, mlpWidth: text.intermediate_size }),
    },
  };
  return parseModelConfig(model, where);
}

/** transformers' `config.json`. @throws {ArchitectureError} for what `CLIPModel` cannot be. */
export function toTransformersConfig(config: ClipConfig): Readonly<Record<string, unknown>> {
  const { vision, text, embedDim } = config;
  if (hasPrompts(config)) throw new ForeignPromptsError("transformers' CLIPModel");
  if (vision.kind !== "vit" || vision.convStem.length > 0 || config.initLogitBias !== undefined)
    throw new ArchitectureError(
      "transformers' CLIPModel holds plain image transformers without logit bias only",
      "export in OpenCLIP's form",
    );
  const hidden_act = config.quickGelu ? "quick_gelu" : "gelu";
  const shared = { hidden_act, layer_norm_eps: 1e-5, projection_dim: embedDim };
  return {
    architectures: ["CLIPModel"],
    model_type: "clip",
    projection_dim: embedDim,
    logit_scale_init_value: config.initLogitScale,
    vision_config: {
      model_type: "clip_vision_model",
      hidden_size: vision.width,
      intermediate_size: vision.mlpWidth,
      num_hidden_layers: vision.layers,
      num_attention_heads: vision.heads,
      image_size: vision.imageSize,
      patch_size: vision.patchSize,
      ...shared,
    },
    text_config: {
      model_type: "clip_text_model",
      vocab_size: text.vocabSize,
      hidden_size: text.width,
      intermediate_size: text.mlpWidth,
      num_hidden_layers: text.layers,
      num_attention_heads: text.heads,
      max_position_embeddings: text.contextLength,
      bos_token_id: text.vocabSize - 2,
      eos_token_id: text.vocabSize - 1,
      ...shared,
    },
  };
}
