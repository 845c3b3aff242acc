import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { DataLimitError, reasonOf, UnreadableImageError } from "./data-error.ts";
import { type DecodeOptions, type OpenedImage, openImage, openPixels } from "./decode.ts";
import type { Size } from "./geometry.ts";
import type { ParquetFile } from "./parquet-file.ts";
import { holdsPixels, type PixelLocation, pixelBytes } from "./pixel-location.ts";
import type { Pixels } from "./pixels.ts";
import type { ImageLocation } from "./source.ts";

/** Bytes that were read already, by the path of their file; any thread may hold them. */
export type SharedFiles = ReadonlyMap<string, SharedArrayBuffer>;

/** An encoded image is not larger than this. */
const maxEncodedBytes = 256 * 2 ** 20;

/** `photos/cat.jpg`, `shard.tar at byte 512`, `train.parquet row 7`: an image in a message. */
export function describeLocation(location: ImageLocation): string {
  if (location.kind === "file") return location.path;
  return location.kind === "parquet" ? `${location.path} row ${location.row}` : `${location.path} at byte ${location.offset}`;
}

/** One text for each place, to keep decoded images by. */
function locationKey(location: ImageLocation): string {
  if (location.kind === "file") return location.path;
  return location.kind === "parquet" ? `${location.path}\0${location.column}\0${location.row}` : `${location.path}\0${location.offset}`;
}

/** Reads images by location. It holds opened parquet footers, and decoded images up to a limit. */
export class ImageReader {
  private readonly decode: DecodeOptions;
  private readonly shared: SharedFiles;
  private readonly parquet = new Map<string, Promise<ParquetFile>>();
  private readonly kept: DecodedCache;

  constructor(options: { readonly decode?: DecodeOptions; readonly shared?: SharedFiles; readonly cacheBytes?: number } = {}) {
    this.decode = options.decode ?? {};
    this.shared = options.shared ?? new Map();
    this.kept = new DecodedCache(options.cacheBytes ?? 0);
  }

  /** `read` are its {@link bytes}, where they were read already. @throws {UnreadableImageError} or {DataLimitError} naming the place. */
  async open(location: ImageLocation, read?: Uint8Array): Promise<OpenedImage> {
    if (holdsPixels(location)) return openPixels(pixelsAt(location, read ?? slice(location, pixelBytes(location), this.shared)));
    const key = locationKey(location);
    const known = this.kept.get(key);
    if (known) return openPixels(known);
    const image = await openImage(read ?? (await this.bytes(location)), describeLocation(location), this.decode);
    if (!this.kept.admits(image)) return image;
    const pixels = await image.pixels();
    this.kept.add(key, pixels);
    return openPixels(pixels);
  }

  /** The bytes as they lie there: encoded, but for `raw` and `planes`. */
  async bytes(location: ImageLocation): Promise<Uint8Array> {
    if (location.kind === "file") return readSpan(location.path, 0, undefined);
    if (location.kind === "slice") return slice(location, location.bytes, this.shared);
    if (holdsPixels(location)) return slice(location, pixelBytes(location), this.shared);
    // Loaded when it is needed: most runs read no parquet, and a worker starts sooner without it.
    const { imageBytes, ParquetFile } = await import("./parquet-file.ts");
    const file = this.parquet.get(location.path) ?? ParquetFile.open(location.path);
    this.parquet.set(location.path, file);
    const bytes = imageBytes(await (await file).cell(location.column, location.row));
    if (bytes === undefined)
      throw new UnreadableImageError(describeLocation(location), `expected the bytes of an image in column "${location.column}", got none`);
    return bytes;
  }
}

/** Decoded images up to a number of bytes; when it is full, what is in it stays, as every pass over the data would throw out all the others. */
class DecodedCache {
  private left: number;
  private readonly images = new Map<string, Pixels>();

  constructor(bytes: number) {
    this.left = bytes;
  }

  get(key: string): Pixels | undefined {
    return this.images.get(key);
  }

  admits({ width, height }: Size): boolean {
    return width * height * 4 <= this.left;
  }

  add(key: string, pixels: Pixels): void {
    this.left -= pixels.data.byteLength;
    this.images.set(key, pixels);
  }
}

/** Pixels in the order that everything else takes: row by row, the channels of a pixel together. */
function pixelsAt(location: PixelLocation, data: Uint8Array): Pixels {
  const { width, height } = location;
  if (location.kind === "raw") return { width, height, bands: 3, kind: "rgb", data };
  const { channels, order } = location;
  const [acrossX, acrossY] = order === "rows" ? [1, width] : [height, 1];
  const size = width * height;
  const out = new Uint8Array(size * channels);
  let at = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) for (let c = 0; c < channels; c++) out[at++] = data[c * size + y * acrossY + x * acrossX] as number;
  return { width, height, bands: channels, kind: channels === 1 ? "grey" : "rgb", data: out };
}

function slice({ path, offset }: { readonly path: string; readonly offset: number }, bytes: number, shared: SharedFiles): Uint8Array {
  const held = shared.get(path);
  if (!held) return readSpan(path, offset, bytes);
  if (offset + bytes > held.byteLength)
    throw new UnreadableImageError(`${path} at byte ${offset}`, `expected ${bytes} bytes, the file ends before`);
  return new Uint8Array(held, offset, bytes);
}

/** Reads a span, or from `offset` to the end. Only regular files are read: a pipe or a device would never answer. */
export function readSpan(path: string, offset: number, bytes: number | undefined): Uint8Array {
  const item = bytes === undefined ? path : `${path} at byte ${offset}`;
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new UnreadableImageError(item, `cannot be opened (${reasonOf(error)})`, error);
  }
  try {
    const facts = fstatSync(file);
    if (!facts.isFile()) throw new UnreadableImageError(item, "expected a regular file");
    const length = bytes ?? facts.size - offset;
    if (length > maxEncodedBytes) throw new DataLimitError(`${item}: ${length} bytes are more than ${maxEncodedBytes} for one image`);
    const data = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const got = readSync(file, data, done, length - done, offset + done);
      if (got === 0) throw new UnreadableImageError(item, `expected ${length} bytes, the file ends after ${done}`);
      done += got;
    }
    return data;
  } catch (error) {
    if (error instanceof UnreadableImageError || error instanceof DataLimitError) throw error;
    throw new UnreadableImageError(item, `cannot be read (${reasonOf(error)})`, error);
  } finally {
    closeSync(file);
  }
}
