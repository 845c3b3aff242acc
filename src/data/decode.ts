import sharp, { type Sharp } from "sharp";
import { avifTurn } from "./avif-file.ts";
import { DataLimitError, reasonOf, UnreadableImageError } from "./data-error.ts";
import type { Size } from "./geometry.ts";
import { gifFrame, gifPixels } from "./gif-file.ts";
import { type ImageFormat, imageFormat, jpegHeader, pngHeader } from "./image-format.ts";
import type { PixelKind, Pixels, Rendering } from "./pixels.ts";
import { renderPixels } from "./pixels.ts";
import type { Plane } from "./resample.ts";
import { tiffContent, tiffDirectory, tiffKind } from "./tiff-file.ts";

/** What may be opened, and how. */
export interface DecodeOptions {
  /** More pixels than this are refused before anything is decoded. Default 100 million, as a 10,000 x 10,000 scan. */
  readonly maxPixels?: number;
  /** Whether the camera's orientation turns the picture. OpenCLIP ignores it, and so do we by default; a TIFF is turned always, as by Pillow. */
  readonly exif?: "apply" | "ignore";
}

/** An image whose header was read. */
export interface OpenedImage extends Size {
  readonly kind: PixelKind;
  /** Full decode, in the image's own mode. */
  pixels(): Promise<Pixels>;
  /** Decode and resize in one native pass; undefined where only our own resampler gives OpenCLIP's pixels. */
  readonly pipeline?: () => Sharp;
}

const defaultMaxPixels = 100_000_000;
/** A longer side is no picture, and its square's scaled side would be counted in millions. */
const maxSide = 1 << 18;

/**
 * Reads an encoded image's header. JPEG, PNG, WebP, GIF (first frame), TIFF and AVIF are read by content, whatever the name says; SVG and everything else
 * is refused before a decoder sees it. Colour profiles are ignored, as Pillow does.
 * @throws {UnreadableImageError} or {DataLimitError} naming `item`.
 */
export async function openImage(bytes: Uint8Array, item: string, options: DecodeOptions = {}): Promise<OpenedImage> {
  const format = imageFormat(bytes);
  if (format.supported === undefined)
    throw new UnreadableImageError(item, `expected JPEG, PNG, WebP, GIF, TIFF or AVIF, got ${format.found}`);
  if (format.supported === "gif") return openGif(bytes, item, options);
  const tiff = format.supported === "tiff" ? checkedTiffKind(bytes, item) : undefined;
  const input = (): Sharp => sharp(bytes, { ignoreIcc: true, failOn: "error", limitInputPixels: false, sequentialRead: true });
  const header = quickHeader(bytes, format.supported, options) ?? (await slowHeader(input(), item, format.supported));
  checkSize(header, item, options);
  const { width, height } = header;
  const turning = turningOf(format.supported, header, bytes, options);
  const facts = { space: header.space, channels: header.channels, depth: header.depth, isPalette: header.isPalette === true };
  const kind = tiff ?? kindOf(format.supported, facts, bytes);
  const image = (): Sharp => (turning ? turning.turn(input()) : input());
  const size = turning?.swapsSides ? { width: height, height: width } : { width, height };
  const whole = async (): Promise<Pixels> => {
    const plane = await decodeWhole(image(), kind, facts.depth === "ushort").catch((error: unknown) => {
      throw new UnreadableImageError(item, `broken ${format.supported} data (${firstLine(error)})`, error);
    });
    return { ...plane, kind };
  };
  // libvips would weigh colours with a fourth sample.
  return kind === "rgb" && !turning && header.channels === 3
    ? { ...size, kind, pixels: whole, pipeline: input }
    : { ...size, kind, pixels: whole };
}

interface Turning {
  readonly swapsSides: boolean;
  turn(image: Sharp): Sharp;
}

/** What brings a picture from how its decoder gives it to how it is wanted. */
function turningOf(format: ImageFormat, header: Header, bytes: Uint8Array, { exif }: DecodeOptions): Turning | undefined {
  if (format === "avif") return exif === "apply" ? undefined : avifTurning(bytes);
  const orientation = header.orientation ?? 1;
  if (orientation === 1 || (exif !== "apply" && format !== "tiff")) return undefined;
  return { swapsSides: orientation >= 5, turn: (image) => image.autoOrient() };
}

/** An AVIF comes turned from its decoder; Pillow leaves it as it is stored. */
function avifTurning(bytes: Uint8Array): Turning | undefined {
  const { quarters, mirror } = avifTurn(bytes);
  if (quarters === 0 && mirror === "none") return undefined;
  // sharp mirrors first and turns to the right afterwards, whatever the order of the calls.
  const mirrors = {
    none: (image: Sharp) => image,
    "top-bottom": (image: Sharp) => image.flip(),
    "left-right": (image: Sharp) => image.flop(),
  };
  return { swapsSides: quarters % 2 === 1, turn: (image) => mirrors[mirror](image).rotate(quarters * 90) };
}

function checkSize({ width, height }: Size, item: string, { maxPixels = defaultMaxPixels }: DecodeOptions): void {
  if (width * height > maxPixels)
    throw new DataLimitError(
      `${item}: ${width} x ${height} is more than ${maxPixels} pixels`,
      "make the image smaller or raise max_pixels",
    );
  if (Math.max(width, height) > maxSide)
    throw new DataLimitError(`${item}: ${width} x ${height} has a side of more than ${maxSide} pixels`);
}

/** Without libvips: it forgets the colour under transparency, and what Pillow puts outside of a small frame. */
function openGif(bytes: Uint8Array, item: string, options: DecodeOptions): OpenedImage {
  const frame = gifFrame(bytes, item);
  checkSize(frame, item, options);
  const { width, height, palette } = frame;
  return { width, height, kind: palette ? "indexed" : "grey", pixels: async () => gifPixels(bytes, frame, item) };
}

type Header = HeaderFacts & Size & { readonly orientation?: number | undefined };

/** The header of a plain JPEG, a fifteenth of the time that its decoder takes to say it. */
function quickHeader(bytes: Uint8Array, format: ImageFormat, { exif }: DecodeOptions): Header | undefined {
  const found = format === "jpeg" && exif !== "apply" ? jpegHeader(bytes) : undefined;
  if (found?.components !== 1 && found?.components !== 3) return undefined;
  const { width, height, components } = found;
  return { width, height, space: components === 1 ? "b-w" : "srgb", channels: components, depth: "uchar", isPalette: false };
}

const slowHeader = (image: Sharp, item: string, format: ImageFormat): Promise<Header> =>
  image.metadata().catch((error: unknown) => {
    throw new UnreadableImageError(item, `broken ${format} header (${firstLine(error)})`, error);
  });

/** Pixels that need no decoder; the native pass takes them as if they had just been decoded. */
export function openPixels(pixels: Pixels): OpenedImage {
  const { width, height, kind, data } = pixels;
  const opened = { width, height, kind, pixels: async () => pixels };
  if (kind !== "rgb" || !(data instanceof Uint8Array)) return opened;
  return { ...opened, pipeline: () => sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false }) };
}

function firstLine(error: unknown): string {
  return reasonOf(error).split("\n")[0] ?? "";
}

interface HeaderFacts {
  readonly space: string | undefined;
  readonly channels: number | undefined;
  readonly depth: string | undefined;
  readonly isPalette?: boolean | undefined;
}

function checkedTiffKind(bytes: Uint8Array, item: string): PixelKind {
  const directory = tiffDirectory(bytes);
  const kind = tiffKind(directory);
  if (kind) return kind;
  throw new UnreadableImageError(
    item,
    `expected a TIFF of grey, RGB, palette or CMYK samples as Pillow reads them, got ${tiffContent(directory)}; convert it to PNG`,
  );
}

/** The mode Pillow opens the file in. */
function kindOf(format: ImageFormat, facts: HeaderFacts, bytes: Uint8Array): PixelKind {
  if (format === "png") return pngKind(pngHeader(bytes));
  const { space, channels, depth, isPalette } = facts;
  if (isPalette) return "indexed";
  if (space === "cmyk") return "cmyk";
  if (space === "grey16" && depth === "ushort") return "grey-16";
  if (space === "b-w") return channels === 2 ? "grey-alpha" : "grey";
  return channels === 4 ? "rgb-alpha" : "rgb";
}

/** By colour type. A transparent colour beside the pixels gives a PNG no alpha in Pillow. */
function pngKind({ bitDepth, colourType }: { readonly bitDepth: number; readonly colourType: number }): PixelKind {
  if (colourType === 3) return "indexed";
  if (colourType === 2) return "rgb";
  if (colourType === 0) return bitDepth === 1 ? "indexed" : bitDepth === 16 ? "grey-16" : "grey";
  return colourType === 4 && bitDepth === 8 ? "grey-alpha" : "rgb-alpha";
}

const bandsOf: Readonly<Record<PixelKind, number>> = {
  grey: 1,
  rgb: 3,
  "grey-alpha": 2,
  "rgb-alpha": 4,
  cmyk: 4,
  "grey-16": 1,
  indexed: 3,
};

async function decodeWhole(image: Sharp, kind: PixelKind, isWide: boolean): Promise<Plane> {
  const bands = bandsOf[kind];
  if (isWide || kind === "grey-16") {
    const space = kind === "grey-16" ? "grey16" : "rgb16";
    const { data, info } = await image
      .pipelineColourspace(space)
      .toColourspace(space)
      .raw({ depth: "ushort" })
      .toBuffer({ resolveWithObject: true });
    const wide = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
    const plane = { width: info.width, height: info.height, bands: info.channels, data: wide };
    return withBands(kind === "grey-16" ? plane : { ...plane, data: Uint8Array.from(wide, (value) => value >> 8) }, bands);
  }
  const ready =
    kind === "cmyk" ? image.pipelineColourspace("cmyk").toColourspace("cmyk") : image.toColourspace(kind === "grey" ? "b-w" : "srgb");
  const { data, info } = await (bands % 2 === 1 ? ready.removeAlpha() : ready).raw().toBuffer({ resolveWithObject: true });
  return withBands({ width: info.width, height: info.height, bands: info.channels, data }, bands);
}

/** Repeats grey or drops what is too much. */
function withBands(plane: Plane, bands: number): Plane {
  if (plane.bands === bands) return plane;
  const count = plane.width * plane.height;
  const data = plane.data instanceof Uint16Array ? new Uint16Array(count * bands) : new Uint8Array(count * bands);
  const greyInput = plane.bands <= 2;
  for (let i = 0; i < count; i++)
    for (let c = 0; c < bands; c++) {
      const isAlpha = bands % 2 === 0 && c === bands - 1;
      const from = isAlpha ? plane.bands - 1 : greyInput ? 0 : c;
      data[i * bands + c] = plane.data[i * plane.bands + from] as number;
    }
  return { ...plane, bands, data };
}

/** Which resampler computes the pixels: Pillow's arithmetic, bit for bit, or libvips', which is about three times as fast and differs by a few levels at edges. */
export type Resampler = "exact" | "fast" | "fastest";

/** The window of a resize, as RGB [height, width, 3]. `fastest` lets the JPEG decoder shrink as well. */
export async function render(image: OpenedImage, rendering: Rendering, resampler: Resampler): Promise<Uint8Array> {
  const { region, target, window } = rendering;
  const isInside =
    window.left >= 0 && window.top >= 0 && window.left + window.width <= target.width && window.top + window.height <= target.height;
  const tooLong = Math.max(target.width, target.height) > 16_000;
  if (resampler === "exact" || !image.pipeline || !isInside || tooLong) return renderPixels(await image.pixels(), rendering);
  const isWhole = region.width === image.width && region.height === image.height;
  const start = isWhole ? image.pipeline() : image.pipeline().extract({ ...region });
  return start
    .resize(target.width, target.height, {
      fit: "fill",
      kernel: rendering.interpolation === "bicubic" ? "cubic" : "linear",
      fastShrinkOnLoad: resampler === "fastest",
    })
    .extract({ ...window })
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer();
}
