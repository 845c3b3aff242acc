import type { ClipConfig } from "./architecture.ts";
import { toModelConfig, toTransformersConfig } from "./model-config.ts";
import { type ImagePreprocess, toPreprocessCfg, toPreprocessorConfig } from "./preprocess.ts";
import { ForeignPromptsError, hasPrompts } from "./prompts.ts";
import type { Naming } from "./weight-names.ts";

/** What a folder in one of the two public forms holds beside the weights. */
export interface FolderForm {
  /** Name of the weights file; shards are `model-0000i-of-0000N.safetensors` in either form. */
  readonly weights: string;
  /** JSON files by name. */
  readonly configs: Readonly<Record<string, unknown>>;
}

/**
 * The files that make others load a model from a folder: OpenCLIP's hub form or transformers' `CLIPModel`.
 * The weights are made with `exportRecipes(config, naming)`.
 * @throws {ArchitectureError} when they have no such model.
 */
export function folderForm(model: { readonly config: ClipConfig; readonly preprocess: ImagePreprocess }, naming: Naming): FolderForm {
  const { config, preprocess } = model;
  if (naming === "openclip" && hasPrompts(config)) throw new ForeignPromptsError("OpenCLIP");
  if (naming === "openclip")
    return {
      weights: "open_clip_model.safetensors",
      configs: { "open_clip_config.json": { model_cfg: toModelConfig(config), preprocess_cfg: toPreprocessCfg(preprocess) } },
    };
  return {
    weights: "model.safetensors",
    configs: { "config.json": toTransformersConfig(config), "preprocessor_config.json": toPreprocessorConfig(preprocess) },
  };
}
