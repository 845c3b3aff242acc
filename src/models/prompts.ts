import { ArchitectureError, type ClipConfig } from "./architecture.ts";

/** Numbers of learned tokens in each tower. */
export interface Prompts {
  readonly image: number;
  readonly text: number;
}

export const noPrompts: Prompts = { image: 0, text: 0 };

/** True for a tensor of prompts, in either tower. */
export const isPrompt = (name: string): boolean => /^(visual\.)?prompt_embedding$/.test(name);

export const promptsOf = ({ vision, text }: ClipConfig): Prompts => ({
  image: (vision.kind === "vit" && vision.prompts) || 0,
  text: text.prompts ?? 0,
});

export function hasPrompts(config: ClipConfig): boolean {
  const { image, text } = promptsOf(config);
  return image + text > 0;
}

/** The architecture with so many prompts, whatever it has. @throws {ArchitectureError} for image prompts of a ResNet. */
export function withPrompts({ vision, text, ...rest }: ClipConfig, prompts: Prompts): ClipConfig {
  const { prompts: _, ...plainText } = text;
  const own = { ...rest, text: { ...plainText, ...(prompts.text > 0 ? { prompts: prompts.text } : {}) } };
  if (vision.kind === "resnet") {
    if (prompts.image === 0) return { ...own, vision };
    throw new ArchitectureError(
      "image prompts stand beside the patches of a ViT, and this model's image tower is a ResNet",
      "set image: 0 to have text prompts alone, or take a model with a ViT",
    );
  }
  const { prompts: __, ...plainVision } = vision;
  return { ...own, vision: { ...plainVision, ...(prompts.image > 0 ? { prompts: prompts.image } : {}) } };
}

/** A model with prompts is asked for in a form that has no place for them. */
export class ForeignPromptsError extends ArchitectureError {
  constructor(form: string) {
    super(
      `${form} has no place for prompts, and they fold into no other weight`,
      "write a .safetensors file, which evergreen reads with its prompts, or train a method that folds, as lora",
    );
  }
}
