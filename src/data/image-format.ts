/** Formats that are decoded. */
export type ImageFormat = "jpeg" | "png" | "webp" | "gif" | "tiff" | "avif";

/** What an image's first bytes say it is; `supported` is undefined for what is not decoded. */
export interface FoundFormat {
  readonly supported: ImageFormat | undefined;
  /** For messages. */
  readonly found: string;
}

const signatures: readonly (readonly [ImageFormat, string])[] = [
  ["jpeg", "\xff\xd8\xff"],
  ["png", "\x89PNG\r\n\x1a\n"],
  ["gif", "GIF87a"],
  ["gif", "GIF89a"],
  ["tiff", "II*\0"],
  ["tiff", "MM\0*"],
  // BigTIFF
  ["tiff", "II+\0"],
  ["tiff", "MM\0+"],
];

const others: readonly (readonly [string, RegExp])[] = [
  ["SVG, which is a program and not a picture", /^\s*(<(\?xml|!--|!doctype)[\s\S]*)?<svg[\s>/]/i],
  ["PDF", /^%PDF/],
  ["BMP", /^BM/],
  ["a Git LFS pointer instead of the file", /^version https:\/\/git-lfs/],
  ["HTML", /^\s*<(!doctype html|html)/i],
  ["XML", /^\s*<\?xml/],
];

/** Reads the first bytes only. */
export function imageFormat(bytes: Uint8Array): FoundFormat {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 1024)).toString("latin1");
  const known = signatures.find(([, magic]) => head.startsWith(magic))?.[0];
  if (known) return { supported: known, found: known };
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") return { supported: "webp", found: "webp" };
  if (head.slice(4, 12) === "ftypavif") return { supported: "avif", found: "avif" };
  if (head.length === 0) return { supported: undefined, found: "an empty file" };
  const text = head.replace("\u00ef\u00bb\u00bf", "");
  const other = others.find(([, pattern]) => pattern.test(text))?.[0];
  return { supported: undefined, found: other ?? `something that begins with ${Buffer.from(head.slice(0, 4), "latin1").toString("hex")}` };
}

/** Size and number of components of a JPEG of 8 bits, from its frame header; undefined where that is not plain to see. */
export function jpegHeader(
  bytes: Uint8Array,
): { readonly width: number; readonly height: number; readonly components: number } | undefined {
  const byte = (at: number): number => bytes[at] ?? 0;
  const word = (at: number): number => byte(at) * 256 + byte(at + 1);
  for (let at = 2; at + 10 <= bytes.length && byte(at) === 0xff; at += 2 + word(at + 2)) {
    const marker = byte(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xc2;
    const isSegment = isFrame || marker === 0xc4 || (marker >= 0xdb && marker <= 0xfe);
    if (!isSegment || word(at + 2) < 2) return undefined;
    if (!isFrame) continue;
    const [height, width, components] = [word(at + 5), word(at + 7), byte(at + 9)];
    return byte(at + 4) === 8 && width > 0 && height > 0 ? { width, height, components } : undefined;
  }
  return undefined;
}

/** Bit depth and colour type of a PNG whose signature was seen; zeros where the file ends before them. */
export function pngHeader(bytes: Uint8Array): { readonly bitDepth: number; readonly colourType: number } {
  return { bitDepth: bytes[24] ?? 0, colourType: bytes[25] ?? 0 };
}

/** The format a file's name promises. */
export function promisedFormat(name: string): ImageFormat | undefined {
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase();
  return ending === undefined ? undefined : endings[ending];
}

const endings: Readonly<Record<string, ImageFormat>> = {
  jpg: "jpeg",
  jpeg: "jpeg",
  jpe: "jpeg",
  jfif: "jpeg",
  png: "png",
  webp: "webp",
  gif: "gif",
  tif: "tiff",
  tiff: "tiff",
  avif: "avif",
};
