import { z } from "zod";
import { Catalog, type Component, type ComponentSpec } from "../util/component.ts";
import type { Draws } from "../util/random.ts";
import { type OpenedImage, type Resampler, render } from "./decode.ts";
import { evaluationPlacement, type ResizeMode } from "./geometry.ts";
import type { Interpolation } from "./resample.ts";

/** How an image becomes a square, whatever is drawn: what OpenCLIP keeps beside a model's weights, without mean and deviation (the model's side subtracts them). */
export interface Preprocess {
  readonly size: number;
  readonly resizeMode: ResizeMode;
  readonly interpolation: Exclude<Interpolation, "nearest">;
  /** Level outside the image, in `longest` mode. */
  readonly fill: number;
}

interface AugmentContext {
  readonly preprocess: Preprocess;
  /** The sample's own draws: of `crop/<source>` at its position. */
  readonly draws: Draws;
}

/** A way from an image to the square that a model sees. Its file's name is the one a config uses. */
export interface AugmentDefinition<S extends z.ZodType = z.ZodType> extends Component<S> {
  /** RGB [S, S, 3]. Its numbers follow from image, options, preprocess and draws alone. */
  apply(image: OpenedImage, options: z.output<S>, context: AugmentContext): Promise<Uint8Array>;
}

/** Keeps the options' type from the schema to `apply`, and forgets it for the catalogue. */
export function defineAugment<S extends z.ZodType>(definition: AugmentDefinition<S>): AugmentDefinition {
  return definition as unknown as AugmentDefinition;
}

export const augments = new Catalog<AugmentDefinition>("augment", [new URL("./augments/", import.meta.url)]);

/** A part with its options read. */
export type Augment = (image: OpenedImage, context: AugmentContext) => Promise<Uint8Array>;

/** Finds the named part and reads its options. @throws {UnknownComponentError} or zod's error. */
export async function loadAugment({ name, ...given }: ComponentSpec): Promise<Augment> {
  const definition = await augments.load(name);
  const options = definition.options.parse(given);
  return (image, context) => definition.apply(image, options, context);
}

/** Which resampler; see {@link Resampler}. */
export const resamplerOption = z.enum(["exact", "fast", "fastest"]);

/** OpenCLIP's evaluation transform, up to the change to floats. RGB [S, S, 3]. */
export function evaluationPixels(image: OpenedImage, preprocess: Preprocess, resampler: Resampler = "exact"): Promise<Uint8Array> {
  const placement = evaluationPlacement(image, preprocess.size, preprocess.resizeMode);
  const region = { left: 0, top: 0, width: image.width, height: image.height };
  return render(image, { ...placement, region, interpolation: preprocess.interpolation, fill: preprocess.fill }, resampler);
}
