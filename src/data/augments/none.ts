import { z } from "zod";
import { defineAugment, evaluationPixels, resamplerOption } from "../augment.ts";

export default defineAugment({
  summary: "No augmentation: OpenCLIP's evaluation transform.",
  source: "open_clip 3.3.0, transform.py, image_transform with is_train false",
  options: z.strictObject({
    resampler: resamplerOption
      .default("exact")
      .describe("exact gives Pillow's pixels, fast libvips', fastest also shrinks while it decodes JPEG"),
  }),
  apply: (image, { resampler }, { preprocess }) => evaluationPixels(image, preprocess, resampler),
});
