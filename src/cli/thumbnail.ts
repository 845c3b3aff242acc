import sharp from "sharp";
import { renderPixels } from "../data/pixels.ts";
import type { ImageReader } from "../data/read-image.ts";
import type { ImageLocation } from "../data/source.ts";

/** Largest side in pixels: twice the 64 that pages show, for fine screens. */
const largest = 128;

/** A picture made small, on a white square, as a `data:` address: JPEG or PNG, whichever is shorter. @throws {UnreadableImageError} or {DataLimitError}. */
export async function thumbnail(location: ImageLocation, reader: ImageReader): Promise<string> {
  const pixels = await (await reader.open(location)).pixels();
  const { width, height } = pixels;
  const scale = Math.min(1, largest / Math.max(width, height));
  const target = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const side = Math.max(target.width, target.height);
  const rgb = renderPixels(pixels, {
    region: { left: 0, top: 0, width, height },
    target,
    window: { left: -Math.floor((side - target.width) / 2), top: -Math.floor((side - target.height) / 2), width: side, height: side },
    interpolation: "bicubic",
    fill: 255,
  });
  const image = sharp(rgb, { raw: { width: side, height: side, channels: 3 } });
  const png = await image.clone().png({ compressionLevel: 9 }).toBuffer();
  const jpeg = await image.clone().jpeg({ quality: 78 }).toBuffer();
  const [kind, bytes] = png.length <= jpeg.length ? ["png", png] : ["jpeg", jpeg];
  return `data:image/${kind};base64,${bytes.toString("base64")}`;
}
