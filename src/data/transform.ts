import { evaluationPixels, type Preprocess } from "./augment.ts";
import { type DecodeOptions, openImage, type Resampler } from "./decode.ts";
import { ImageReader } from "./read-image.ts";
import type { ImageLocation } from "./source.ts";

/** How {@link decodeTest} sees an image; what is left out is OpenCLIP's default. */
export interface TestTransform extends DecodeOptions, Partial<Omit<Preprocess, "size">> {
  readonly size: number;
  readonly resampler?: Resampler;
}

/** OpenCLIP's defaults around a model's image size. */
export function preprocessOf(given: Partial<Preprocess> & { readonly size: number }): Preprocess {
  return { resizeMode: "shortest", interpolation: "bicubic", fill: 0, ...given };
}

/**
 * OpenCLIP's evaluation transform up to the change to floats: RGB, uint8 [S, S, 3], bit for bit what torchvision and Pillow 13 give; of an AVIF,
 * whose decoder is another one, within a few levels.
 * @throws {UnreadableImageError} or {DataLimitError} naming the image.
 */
export async function decodeTest(image: Uint8Array | ImageLocation, transform: TestTransform, item = "image"): Promise<Uint8Array> {
  const { resampler, maxPixels, exif, ...preprocess } = transform;
  const decode = { ...(maxPixels === undefined ? {} : { maxPixels }), ...(exif === undefined ? {} : { exif }) };
  const opened = image instanceof Uint8Array ? await openImage(image, item, decode) : await new ImageReader({ decode }).open(image);
  return evaluationPixels(opened, preprocessOf(preprocess), resampler);
}
