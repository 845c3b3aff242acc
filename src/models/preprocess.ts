import { z } from "zod";
import { issueText } from "../util/issues.ts";
import { ArchitectureError } from "./architecture.ts";

/** What turns an image into a model's input; it belongs to the weights, not to the architecture. */
export interface ImagePreprocess {
  /** Side of the square in pixels. */
  readonly size: number;
  /** Per channel of RGB in 0..1. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly interpolation: "bicubic" | "bilinear";
  /** `shortest`: scale the shorter side and crop the centre; `longest`: scale the longer side and pad; `squash`: ignore the aspect. */
  readonly resizeMode: "shortest" | "longest" | "squash";
  /** Grey level of the padding, 0 to 255. */
  readonly fill: number;
}

/** What nearly every CLIP was trained with; a size is still needed. */
export const clipPreprocess: Omit<ImagePreprocess, "size"> = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
  interpolation: "bicubic",
  resizeMode: "shortest",
  fill: 0,
};

const triple = z.tuple([z.number(), z.number(), z.number()]);
const deviations = triple.refine((values) => values.every((value) => value > 0), "expected positive numbers");

const openClipSchema = z.strictObject({
  size: z.union([z.int().positive(), z.tuple([z.int().positive(), z.int().positive()])]).optional(),
  mode: z.literal("RGB").optional(),
  mean: triple.optional(),
  std: deviations.optional(),
  interpolation: z.enum(["bicubic", "bilinear"]).optional(),
  resize_mode: z.enum(["shortest", "longest", "squash"]).optional(),
  fill_color: z.int().min(0).max(255).optional(),
});

/** OpenCLIP's `preprocess_cfg`; what it leaves out is CLIP's default. @throws {ArchitectureError} naming the keys that are wrong. */
export function parsePreprocess(value: unknown, imageSize: number, where: string): ImagePreprocess {
  const cfg = parse(openClipSchema, value ?? {}, where);
  const size = Array.isArray(cfg.size) ? cfg.size[0] : (cfg.size ?? imageSize);
  checkSize(size, imageSize, where);
  return {
    size,
    mean: cfg.mean ?? clipPreprocess.mean,
    std: cfg.std ?? clipPreprocess.std,
    interpolation: cfg.interpolation ?? clipPreprocess.interpolation,
    resizeMode: cfg.resize_mode ?? clipPreprocess.resizeMode,
    fill: cfg.fill_color ?? clipPreprocess.fill,
  };
}

/** The inverse of {@link parsePreprocess}. */
export function toPreprocessCfg(preprocess: ImagePreprocess): Readonly<Record<string, unknown>> {
  const { size, mean, std, interpolation, resizeMode, fill } = preprocess;
  return { size, mode: "RGB", mean, std, interpolation, resize_mode: resizeMode, fill_color: fill };
}

const side = z.int().positive();
const transformersSchema = z.object({
  size: z.union([side, z.object({ shortest_edge: side }), z.object({ height: side, width: side })]).optional(),
  do_center_crop: z.boolean().default(true),
  do_rescale: z.boolean().default(true),
  rescale_factor: z.number().optional(),
  do_normalize: z.literal(true).default(true),
  do_resize: z.literal(true).default(true),
  image_mean: triple.default([...clipPreprocess.mean]),
  image_std: deviations.default([...clipPreprocess.std]),
  /** Pillow's numbers: 2 bilinear, 3 bicubic. */
  resample: z.union([z.literal(2), z.literal(3)]).default(3),
});

/** transformers' `preprocessor_config.json`. @throws {ArchitectureError} naming the keys that are wrong. */
export function parseTransformersPreprocess(value: unknown, imageSize: number, where: string): ImagePreprocess {
  const cfg = parse(transformersSchema, value ?? {}, where);
  const squashed = typeof cfg.size === "object" && "height" in cfg.size;
  const size = typeof cfg.size === "object" ? ("height" in cfg.size ? cfg.size.height : cfg.size.shortest_edge) : (cfg.size ?? imageSize);
  checkSize(size, imageSize, where);
  return {
    size,
    mean: cfg.image_mean,
    std: cfg.image_std,
    interpolation: cfg.resample === 3 ? "bicubic" : "bilinear",
    resizeMode: squashed ? "squash" : "shortest",
    fill: 0,
  };
}

/** The inverse of {@link parseTransformersPreprocess}. @throws {ArchitectureError} for `longest`, which transformers cannot say. */
export function toPreprocessorConfig(preprocess: ImagePreprocess): Readonly<Record<string, unknown>> {
  const { size, mean, std, interpolation, resizeMode } = preprocess;
  if (resizeMode === "longest")
    throw new ArchitectureError("preprocessor_config.json has no form for resize mode longest", "export in OpenCLIP's form");
  return {
    image_processor_type: "CLIPImageProcessor",
    do_convert_rgb: true,
    do_resize: true,
    size: resizeMode === "squash" ? { height: size, width: size } : { shortest_edge: size },
    resample: interpolation === "bicubic" ? 3 : 2,
    do_center_crop: resizeMode === "shortest",
    crop_size: { height: size, width: size },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: std,
  };
}

function checkSize(size: number, imageSize: number, where: string): void {
  if (size !== imageSize) throw new ArchitectureError(`${where}: images of ${size} pixels for a model of ${imageSize}`);
}

function parse<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ArchitectureError(`${where}: ${issueText(parsed.error, "value")}`);
}
