import sharp from "sharp";
import { sha256 } from "../util/hash.ts";
import { reasonOf } from "./data-error.ts";
import { type OpenedImage, render } from "./decode.ts";
import { type Size, shortestTo } from "./geometry.ts";
import { imageFormat } from "./image-format.ts";
import { holdsPixels } from "./pixel-location.ts";
import type { PreparedTransform } from "./prepared-files.ts";
import type { ImageReader } from "./read-image.ts";
import type { SampleRecord } from "./source.ts";

/** A picture made, or why its original could not be read. */
export type MadePicture =
  | { readonly bytes: Uint8Array; readonly ending: "jpg" | "png" | "webp"; readonly sha256: string; readonly source: string }
  | { readonly unreadable: string };

/** Versions of the decoders and encoders. */
export const encoderVersions = (): string => `sharp ${sharp.versions.sharp}, vips ${sharp.versions.vips}`;

const kept = { jpeg: "jpg", png: "png", webp: "webp" } as const;

/** The copy of a sample's picture. What is no larger than asked for, and lies there as JPEG, PNG or WebP, is taken byte for byte. */
export async function makePicture(reader: ImageReader, { image }: SampleRecord, transform: PreparedTransform): Promise<MadePicture> {
  try {
    const original = await reader.bytes(image);
    const source = sha256(original);
    const opened = await reader.open(image, original);
    const target = shrunk(opened, transform.side);
    const format = holdsPixels(image) ? undefined : imageFormat(original).supported;
    if (target.width === opened.width && (format === "jpeg" || format === "png" || format === "webp")) {
      // Decoded to the end, so that a broken original is not handed on.
      await opened.pixels();
      return { bytes: original, ending: kept[format], sha256: source, source };
    }
    const bytes = await encoded(await resized(opened, target, transform), target, transform);
    return { bytes, ending: transform.encoding === "jpeg" ? "jpg" : "png", sha256: sha256(bytes), source };
  } catch (error) {
    return { unreadable: reasonOf(error) };
  }
}

/** The shorter side brought down to `side`; smaller images as they are. */
const shrunk = ({ width, height }: Size, side: number): Size =>
  Math.min(width, height) <= side ? { width, height } : shortestTo({ width, height }, side);

function resized(image: OpenedImage, target: Size, { resampler }: PreparedTransform): Promise<Uint8Array> {
  const region = { left: 0, top: 0, width: image.width, height: image.height };
  const window = { left: 0, top: 0, ...target };
  return render(image, { region, target, window, interpolation: "bicubic", fill: 0 }, resampler);
}

function encoded(data: Uint8Array, { width, height }: Size, { encoding, quality }: PreparedTransform): Promise<Uint8Array> {
  const image = sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false });
  return encoding === "jpeg" ? image.jpeg({ quality: quality ?? 95, chromaSubsampling: "4:4:4" }).toBuffer() : image.png().toBuffer();
}
