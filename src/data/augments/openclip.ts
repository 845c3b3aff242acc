import { z } from "zod";
import { defineAugment, resamplerOption } from "../augment.ts";
import { render } from "../decode.ts";
import { randomCrop } from "../geometry.ts";

const range = z.tuple([z.number().positive(), z.number().positive()]);

export default defineAugment({
  summary: "OpenCLIP's training transform: a random crop, resized; no flip.",
  source: "open_clip 3.3.0, transform.py, image_transform with is_train true; torchvision RandomResizedCrop.get_params",
  options: z.strictObject({
    scale: range.default([0.9, 1]).describe("area of the crop as a share of the image's"),
    ratio: range.default([3 / 4, 4 / 3]).describe("width over height of the crop"),
    resampler: resamplerOption
      .default("fast")
      .describe("exact gives Pillow's pixels, fast libvips', fastest also shrinks while it decodes JPEG"),
  }),
  apply(image, { resampler, ...crop }, { preprocess, draws }) {
    const { size, fill } = preprocess;
    const target = { width: size, height: size };
    const region = randomCrop(image, crop, draws);
    // OpenCLIP's training crop is bicubic whatever the evaluation transform takes.
    return render(image, { region, target, window: { left: 0, top: 0, ...target }, interpolation: "bicubic", fill }, resampler);
  },
});
