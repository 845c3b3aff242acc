import { type Charged, chargedOperations } from "../budget/cost.ts";
import { forwardFlops } from "../budget/tower.ts";
import { noGrad } from "../engine/grad.ts";
import { meter } from "../engine/meter.ts";
import { scope } from "../engine/scope.ts";
import type { ClipConfig } from "../models/architecture.ts";
import { computeWeights, embedImage, embedText, type Precision } from "../models/clip.ts";
import { fullBatch, modelOfShapes, pixelsOfShape } from "./plan-meter.ts";
import { workOf } from "./plan-shape.ts";

/** Operations of a forward pass over one image, and over one text that fills its context. */
export interface ForwardCost {
  readonly image: number;
  readonly text: number;
}

/** Operations of embedding so many. */
export const embeddingCost = (
  { images, texts }: { readonly images: number; readonly texts: number },
  { image, text }: ForwardCost,
): number => images * image + texts * text;

/** What embedding costs: products in closed form; all operations as the engine counts them on shapes. */
export function forwardCost(config: ClipConfig, precision: Precision, charged: Charged): ForwardCost {
  if (charged === "all") return meteredForward(config, precision);
  const { image, text } = workOf(config);
  return { image: forwardFlops(image), text: forwardFlops(text) };
}

/** Samples that are metered at once: what does not grow with them is shared out. */
const samples = 32;

const meteredForward = (config: ClipConfig, precision: Precision): ForwardCost =>
  scope(() =>
    noGrad(() => {
      const model = computeWeights(modelOfShapes(config), precision);
      const pixels = pixelsOfShape(config, samples);
      const { texts } = fullBatch(config, samples);
      const each = (work: () => unknown): number => chargedOperations(meter(work), "all") / samples;
      return { image: each(() => embedImage(model, pixels)), text: each(() => embedText(model, texts)) };
    }),
  );
