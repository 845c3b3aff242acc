// An augmentation: from an image to the square that a model sees. The loader's threads run it, without an engine: hence "evergreen/parts".
//
//   data: {augment: {name: mirrored-crop, mirror: 0.5}}

import { defineAugment, randomCrop, render, z } from "evergreen/parts";

const range = z.tuple([z.number().positive(), z.number().positive()]);

export default defineAugment({
  summary: "OpenCLIP's random crop, and half of the images seen in a mirror; not for signs and letters.",
  source: "torchvision RandomResizedCrop and RandomHorizontalFlip",
  options: z.strictObject({
    scale: range.default([0.5, 1]).describe("area of the crop as a share of the image's"),
    ratio: range.default([3 / 4, 4 / 3]).describe("width over height of the crop"),
    mirror: z.number().min(0).max(1).default(0.5).describe("how often the picture is mirrored"),
  }),
  async apply(image, { mirror, ...crop }, { preprocess, draws }) {
    const { size, fill } = preprocess;
    const target = { width: size, height: size };
    // All chance comes from these draws, in a fixed order: the same row of the same run gives the same picture on any machine.
    const region = randomCrop(image, crop, draws);
    const isMirrored = draws.uniform() < mirror;
    const window = { left: 0, top: 0, ...target };
    const pixels = await render(image, { region, target, window, interpolation: "bicubic", fill }, "fast"); // [S, S, 3]
    return isMirrored ? mirrored(pixels, size) : pixels;
  },
});

function mirrored(pixels, size) {
  const out = new Uint8Array(pixels.length);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const from = (y * size + x) * 3;
      out.set(pixels.subarray(from, from + 3), (y * size + size - 1 - x) * 3);
    }
  return out;
}
