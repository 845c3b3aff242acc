import { type ClipConfig, parseModelConfig } from "../../src/models/architecture.ts";

/** A CLIP of two small towers with so many blocks each, for what reads and writes files. */
export const tinyConfig = (layers: number): ClipConfig =>
  parseModelConfig(
    {
      embed_dim: 8,
      vision_cfg: { image_size: 16, layers, width: 8, head_width: 8, patch_size: 8 },
      text_cfg: { context_length: 8, vocab_size: 40, width: 8, heads: 1, layers },
    },
    "test",
  );
