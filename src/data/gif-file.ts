import { UnreadableImageError } from "./data-error.ts";
import type { Region, Size } from "./geometry.ts";
import type { Pixels } from "./pixels.ts";

/** The first frame of a GIF, as its header says it; the size is the canvas'. */
export interface GifFrame extends Size {
  /** Where the frame lies on the canvas. */
  readonly region: Region;
  readonly isInterlaced: boolean;
  /** RGB of each index; undefined where indices are levels of grey: no palette, or the ramp 0, 1, 2, … */
  readonly palette: Uint8Array | undefined;
  /** The index outside of the frame: the transparent one, whose colour is kept, or the first. */
  readonly background: number;
  readonly codeSize: number;
  /** Where the blocks of codes begin. */
  readonly dataAt: number;
}

/**
 * Finds the first frame. A frame that reaches over the canvas makes it larger, as in Pillow.
 * @throws {UnreadableImageError} naming `item`.
 */
export function gifFrame(bytes: Uint8Array, item: string): GifFrame {
  const broken = (what: string): UnreadableImageError => new UnreadableImageError(item, `broken gif header (${what})`);
  const word = (at: number): number => (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
  const screen = tableAt(bytes, 10, 13);
  const { at, background } = descriptorAt(bytes, screen.end);
  if (at === undefined) throw broken("no image in it");
  const own = tableAt(bytes, at + 9, at + 10);
  if (own.end >= bytes.length) throw broken("the file ends in it");
  const region = { left: word(at + 1), top: word(at + 3), width: word(at + 5), height: word(at + 7) };
  const width = Math.max(word(6), region.left + region.width);
  const height = Math.max(word(8), region.top + region.height);
  if (region.width === 0 || region.height === 0) throw broken(`a frame of ${region.width} x ${region.height} pixels`);
  const codeSize = bytes[own.end] ?? 0;
  if (codeSize < 1 || codeSize > 8) throw broken(`expected codes of 1 to 8 bits, got ${codeSize}`);
  const table = own.colours ?? screen.colours;
  const palette = table === undefined || isGreyRamp(table) ? undefined : table;
  const isInterlaced = ((bytes[at + 9] ?? 0) & 0x40) !== 0;
  return { width, height, region, isInterlaced, palette, background, codeSize, dataAt: own.end + 1 };
}

interface ColourTable {
  readonly colours: Uint8Array | undefined;
  readonly end: number;
}

function tableAt(bytes: Uint8Array, flagsAt: number, start: number): ColourTable {
  const flags = bytes[flagsAt] ?? 0;
  if ((flags & 0x80) === 0) return { colours: undefined, end: start };
  const end = start + 3 * (2 << (flags & 7));
  return { colours: bytes.subarray(start, end), end };
}

/** Skips extensions up to the first image; a graphic control before it may name the transparent index. */
function descriptorAt(bytes: Uint8Array, from: number): { readonly at: number | undefined; readonly background: number } {
  const [trailer, extension, image, graphicControl] = [0x3b, 0x21, 0x2c, 0xf9];
  let background = 0;
  let at = from;
  while (at < bytes.length && bytes[at] !== trailer) {
    if (bytes[at] === image) return { at, background };
    if (bytes[at] !== extension) {
      at++;
      continue;
    }
    if (bytes[at + 1] === graphicControl && ((bytes[at + 3] ?? 0) & 1) === 1) background = bytes[at + 6] ?? 0;
    at += 2;
    while ((bytes[at] ?? 0) > 0) at += 1 + (bytes[at] ?? 0);
    at++;
  }
  return { at: undefined, background };
}

function isGreyRamp(colours: Uint8Array): boolean {
  return colours.every((level, i) => level === Math.floor(i / 3));
}

/**
 * The canvas with the first frame on it, in Pillow's mode L or P. Transparency is dropped and its colour stays.
 * @throws {UnreadableImageError} naming `item`.
 */
export function gifPixels(bytes: Uint8Array, frame: GifFrame, item: string): Pixels {
  const { width, height, region, palette } = frame;
  const indices = unpacked(bytes, frame, item);
  const data = new Uint8Array(width * height).fill(frame.background);
  rowOrder(region.height, frame.isInterlaced).forEach((y, i) => {
    data.set(indices.subarray(i * region.width, (i + 1) * region.width), (region.top + y) * width + region.left);
  });
  if (palette === undefined) return { width, height, kind: "grey", bands: 1, data };
  const colours = new Uint8Array(256 * 3);
  colours.set(palette);
  const rgb = new Uint8Array(data.length * 3);
  for (let i = 0, o = 0; i < data.length; i++) for (let c = (data[i] ?? 0) * 3, end = c + 3; c < end; c++) rgb[o++] = colours[c] ?? 0;
  return { width, height, kind: "indexed", bands: 3, data: rgb };
}

/** Which row each stored row is. */
function rowOrder(height: number, isInterlaced: boolean): number[] {
  const passes = isInterlaced
    ? [
        [0, 8],
        [4, 8],
        [2, 4],
        [1, 2],
      ]
    : [[0, 1]];
  const order: number[] = [];
  for (const [first = 0, step = 1] of passes) for (let y = first; y < height; y += step) order.push(y);
  return order;
}

/** The frame's indices in stored order: GIF's LZW. What follows the last pixel is not looked at. */
function unpacked(bytes: Uint8Array, { dataAt, codeSize, region }: GifFrame, item: string): Uint8Array {
  const broken = (what: string): UnreadableImageError => new UnreadableImageError(item, `broken gif data (${what})`);
  const out = new Uint8Array(region.width * region.height);
  const read = codeReader(bytes, dataAt);
  const clear = 1 << codeSize;
  const table = new CodeTable(clear);
  let before: number | undefined;
  let at = 0;
  while (at < out.length) {
    const code = read(table.bits);
    if (code === undefined || code === clear + 1) throw broken(`ends after ${at} of ${out.length} pixels`);
    if (code === clear) {
      table.clear();
      before = undefined;
      continue;
    }
    if (before === undefined ? code > clear : code > table.next) throw broken(`code ${code} is not known yet after ${at} pixels`);
    if (before !== undefined) table.add(before, code);
    at = table.write(code, out, at);
    before = code;
  }
  return out;
}

const tableSize = 4096;
const mostBits = 12;

/** What each code stands for: the string of its prefix and one index more. */
class CodeTable {
  readonly #start: number;
  readonly #prefix = new Uint16Array(tableSize);
  readonly #first: Uint8Array;
  readonly #last: Uint8Array;
  readonly #lengths = new Uint16Array(tableSize).fill(1);
  /** The code that comes next, and the width of codes. */
  next = 0;
  bits = 0;

  constructor(clear: number) {
    this.#start = clear + 2;
    this.#first = Uint8Array.from({ length: tableSize }, (_, code) => (code < clear ? code : 0));
    this.#last = this.#first.slice();
    this.clear();
  }

  clear(): void {
    this.next = this.#start;
    this.bits = 32 - Math.clz32(this.#start - 1);
  }

  /** The next code becomes the string of `before` and the first index of `code`, which may be the next one itself. A full table stays. */
  add(before: number, code: number): void {
    if (this.next === tableSize) return;
    this.#prefix[this.next] = before;
    this.#first[this.next] = this.#first[before] ?? 0;
    this.#last[this.next] = this.#first[code] ?? 0;
    this.#lengths[this.next] = (this.#lengths[before] ?? 0) + 1;
    this.next++;
    if (this.next === 1 << this.bits && this.bits < mostBits) this.bits++;
  }

  /** Gives where the string ends; what passes the end of `out` falls on no element. */
  write(code: number, out: Uint8Array, at: number): number {
    const end = at + (this.#lengths[code] ?? 0);
    for (let to = end - 1, c = code; to >= at; to--, c = this.#prefix[c] ?? 0) out[to] = this.#last[c] ?? 0;
    return end;
  }
}

/** Reads codes, lowest bit first, from blocks that begin with their length; undefined where these end. */
function codeReader(bytes: Uint8Array, start: number): (bits: number) => number | undefined {
  let at = start;
  let blockEnd = start;
  let held = 0;
  let count = 0;
  return (bits) => {
    while (count < bits) {
      if (at === blockEnd) {
        const length = bytes[at++] ?? 0;
        if (length === 0) return undefined;
        blockEnd = at + length;
      }
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      held |= byte << count;
      count += 8;
    }
    const code = held & ((1 << bits) - 1);
    held >>= bits;
    count -= bits;
    return code;
  };
}
