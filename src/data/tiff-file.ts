import type { PixelKind } from "./pixels.ts";

/** What the first directory of a TIFF says of its samples; what is left out has TIFF's default. */
export interface TiffDirectory {
  readonly isBigEndian: boolean;
  readonly compression: number;
  /** 0 and 1 grey, 2 RGB, 3 palette, 5 ink, 6 YCbCr, 8 CIELAB. */
  readonly photometric: number;
  readonly bits: readonly number[];
  readonly samples: number;
  /** What samples beyond the colours are: 0 anything, 1 premultiplied alpha, 2 alpha. */
  readonly extra: readonly number[];
  /** 1 unsigned, 2 signed, 3 floating point. */
  readonly format: readonly number[];
  /** 1 sample after sample, 2 plane after plane. */
  readonly planar: number;
}

/** Reads the first directory of a TIFF or BigTIFF; what lies outside of the file counts as absent. */
export function tiffDirectory(bytes: Uint8Array): TiffDirectory {
  const tags = tagsOf(bytes);
  const first = (tag: number, absent: number): number => tags.values(tag)?.[0] ?? absent;
  const samples = first(277, 1);
  const bits = tags.values(258) ?? [1];
  return {
    isBigEndian: tags.isBigEndian,
    compression: first(259, 1),
    photometric: first(262, 0),
    bits: bits.length === 1 ? Array<number>(Math.min(samples, maxValues)).fill(bits[0] ?? 1) : bits,
    samples,
    extra: tags.values(338) ?? [],
    format: tags.values(339) ?? [1],
    planar: first(284, 1),
  };
}

/** More values than any kind that is read has samples. */
const maxValues = 8;
const sizes: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 16: 8 };

interface Tags {
  readonly isBigEndian: boolean;
  /** Whole numbers of a tag, at most {@link maxValues}. */
  values(tag: number): number[] | undefined;
}

function tagsOf(bytes: Uint8Array): Tags {
  const isBigEndian = bytes[0] === 0x4d;
  const number = (at: number, size: number): number => {
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + (bytes[at + (isBigEndian ? i : size - 1 - i)] ?? 0);
    return value;
  };
  const isBig = number(2, 2) === 43;
  // An entry is tag, type, count and the values, or where they lie if they are too long.
  const wide = isBig ? 8 : 4;
  const start = number(isBig ? 8 : 4, wide);
  const countSize = isBig ? 8 : 2;
  const entrySize = 4 + 2 * wide;
  const count = Math.min(number(start, countSize), Math.floor(bytes.length / entrySize));
  const entryOf = (tag: number): number | undefined => {
    const first = start + countSize;
    for (let at = first; at < first + count * entrySize; at += entrySize) if (number(at, 2) === tag) return at;
    return undefined;
  };
  const values = (tag: number): number[] | undefined => {
    const at = entryOf(tag);
    if (at === undefined) return undefined;
    const size = sizes[number(at + 2, 2)];
    const length = number(at + 4, wide);
    if (size === undefined || length === 0) return undefined;
    const from = size * length <= wide ? at + 4 + wide : number(at + 4 + wide, wide);
    return Array.from({ length: Math.min(length, maxValues) }, (_, i) => number(from + i * size, size));
  };
  return { isBigEndian, values };
}

const jpeg = 7;

/**
 * The mode in which Pillow opens a TIFF; undefined for what Pillow does not open, or where libvips gives other samples than Pillow.
 * (OPEN_INFO of src/PIL/TiffImagePlugin.py.)
 */
export function tiffKind(directory: TiffDirectory): PixelKind | undefined {
  const { photometric, bits, samples, extra, format, compression, planar } = directory;
  const [depth = 0] = bits;
  if (bits.length !== samples || bits.some((each) => each !== depth) || format.some((each) => each !== 1)) return undefined;
  if (photometric < 2) return greyKind(directory, depth);
  if (photometric === 2) return depth === 8 || depth === 16 ? rgbKind(directory) : undefined;
  if (extra.length > 0) return undefined;
  if (photometric === 3) return samples === 1 && [1, 2, 4, 8].includes(depth) ? "indexed" : undefined;
  if (photometric === 5) return samples === 4 && depth === 8 ? "cmyk" : undefined;
  // Other YCbCr is resized before the change to RGB, or changed by libtiff's arithmetic.
  return photometric === 6 && samples === 3 && depth === 8 && compression === jpeg && planar === 1 ? "rgb" : undefined;
}

function greyKind({ photometric, samples, extra, isBigEndian }: TiffDirectory, depth: number): PixelKind | undefined {
  if (samples === 2 && depth === 8 && photometric === 1 && extra.length === 1)
    return { 0: "grey" as const, 2: "grey-alpha" as const }[extra[0] ?? 1];
  if (samples !== 1 || extra.length > 0) return undefined;
  if (depth === 1) return "indexed";
  // Pillow inverts no 16-bit grey, and mixes up the bytes of its big-endian kind when it resizes.
  if (depth === 16) return photometric === 1 && !isBigEndian ? "grey-16" : undefined;
  return [2, 4, 8].includes(depth) ? "grey" : undefined;
}

/** A fourth sample of which nothing is said is alpha. */
function rgbKind({ samples, extra }: TiffDirectory): PixelKind | undefined {
  if (samples === 3) return extra.length === 0 ? "rgb" : undefined;
  return samples === 4 && extra.length < 2 ? { 0: "rgb" as const, 2: "rgb-alpha" as const }[extra[0] ?? 2] : undefined;
}

/** For messages: what a TIFF that is not read holds. */
export function tiffContent({ photometric, bits, samples, extra, format, isBigEndian }: TiffDirectory): string {
  if (format.includes(2)) return "signed samples";
  if (format.includes(3)) return "floating-point samples";
  if (photometric === 6) return "YCbCr samples that are not JPEG in one plane";
  if (photometric === 8) return "CIELAB samples";
  if (extra[0] === 1) return "premultiplied alpha";
  const kinds: Readonly<Record<number, string>> = { 0: "inverted grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK" };
  const kind = kinds[photometric] ?? `photometric interpretation ${photometric}`;
  return `${kind} of ${samples} x ${bits[0] ?? 0} bits${isBigEndian ? ", big-endian" : ""}`;
}
