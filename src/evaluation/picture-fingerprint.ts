/** What tells a picture from others whatever its encoding and size. */
export interface PictureFingerprint {
  /** 64-bit difference hash in two words: eight rows of eight comparisons of neighbours. */
  readonly hash: readonly [number, number];
  /** The picture in 16 x 16 RGB. */
  readonly thumbnail: Uint8Array;
}

/** An RGB picture, row by row, bands interleaved. */
export interface RgbPicture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Difference hashes further apart are of two pictures. */
export const nearBits = 6;

const side = 16;
/** A neighbour is brighter from this many levels on: flat areas, where the noise of an encoder would decide, all say no. */
const margin = 2;
/** Two thumbnails show one picture from this correlation on; a step of a JPEG of quality 30 costs less than 0.01, another drawing of one style much more. */
const sameFrom = 0.98;
/** Mean difference in levels below which pictures without any contrast are one. */
const flatLevels = 4;

/** Difference hash and thumbnail of a picture, by means over areas. */
export function fingerprintOf(picture: RgbPicture): PictureFingerprint {
  const thumbnail = Uint8Array.from(areaMeans(picture, side, side), Math.round);
  const grey = greyOf(areaMeans(picture, 9, 8));
  const hash: [number, number] = [0, 0];
  for (let bit = 0; bit < 64; bit++) {
    const at = Math.floor(bit / 8) * 9 + (bit % 8);
    const rises = (grey[at + 1] as number) - (grey[at] as number) >= margin;
    if (rises) hash[bit >> 5] = ((hash[bit >> 5] as number) | (1 << (bit & 31))) >>> 0;
  }
  return { hash, thumbnail };
}

/** Bits in which two hashes differ. */
export function hashDistance(a: PictureFingerprint["hash"], b: PictureFingerprint["hash"]): number {
  return bitsIn(a[0] ^ b[0]) + bitsIn(a[1] ^ b[1]);
}

/** True when two thumbnails show the same picture: their levels correlate, or both are flat and of one colour. */
export function isSamePicture(a: Uint8Array, b: Uint8Array): boolean {
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  let [product, squareA, squareB, apart] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [(a[i] as number) - meanA, (b[i] as number) - meanB];
    product += x * y;
    squareA += x * x;
    squareB += y * y;
    apart += Math.abs((a[i] as number) - (b[i] as number));
  }
  const isFlat = (square: number): boolean => square / a.length < 1;
  if (isFlat(squareA) || isFlat(squareB)) return isFlat(squareA) && isFlat(squareB) && apart / a.length < flatLevels;
  return product / Math.sqrt(squareA * squareB) >= sameFrom;
}

/** Means over a grid of areas, [rows, columns, 3]; an area of a picture smaller than the grid is its nearest pixel. */
function areaMeans({ width, height, data }: RgbPicture, columns: number, rows: number): Float64Array {
  const means = new Float64Array(columns * rows * 3);
  for (let row = 0; row < rows; row++) {
    const [top, bottom] = span(row, rows, height);
    for (let column = 0; column < columns; column++) {
      const [left, right] = span(column, columns, width);
      const count = (bottom - top) * (right - left);
      for (let band = 0; band < 3; band++) {
        let sum = 0;
        for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += data[(y * width + x) * 3 + band] as number;
        means[(row * columns + column) * 3 + band] = sum / count;
      }
    }
  }
  return means;
}

function span(part: number, parts: number, length: number): readonly [from: number, to: number] {
  const from = Math.floor((part * length) / parts);
  return [from, Math.max(from + 1, Math.floor(((part + 1) * length) / parts))];
}

/** ITU-R BT.601 luma. */
function greyOf(rgb: Float64Array): Float64Array {
  return Float64Array.from(
    { length: rgb.length / 3 },
    (_, i) => 0.299 * (rgb[3 * i] as number) + 0.587 * (rgb[3 * i + 1] as number) + 0.114 * (rgb[3 * i + 2] as number),
  );
}

function meanOf(values: Uint8Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

function bitsIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
