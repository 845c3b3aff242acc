import type { Region, Size } from "./geometry.ts";

export type Interpolation = "bicubic" | "bilinear" | "nearest";

/** Samples of one image, row by row, bands interleaved. */
export interface Plane extends Size {
  readonly bands: number;
  readonly data: Uint8Array | Uint16Array;
}

interface Kernel {
  readonly support: number;
  at(x: number): number;
}

const kernels: Readonly<Record<"bicubic" | "bilinear", Kernel>> = {
  bicubic: {
    support: 2,
    at(x) {
      const a = -0.5;
      const d = Math.abs(x);
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    },
  },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
};

/** What is asked of a resize: `region` of the source becomes `target`, of which `window` (inside `target`) is computed. */
export interface Resize {
  readonly region: Region;
  readonly target: Size;
  readonly window: Region;
  readonly interpolation: Interpolation;
}

/**
 * Pillow's resize, bit for bit: the kernel is widened when shrinking, weights are 22-bit integers for 8-bit samples and doubles for 16-bit ones,
 * the first pass is rounded to the sample type. Only the rows and columns that `window` needs are computed.
 * (src/libImaging/Resample.c; `nearest` is Geometry.c's affine scale.)
 */
export function resize(source: Plane, task: Resize): Plane {
  const { region, target, window } = task;
  if (region.width === target.width && region.height === target.height)
    return crop(source, { ...window, left: window.left + region.left, top: window.top + region.top });
  if (task.interpolation === "nearest") return nearest(source, task);
  const kernel = kernels[task.interpolation];
  const columns = weightsOf(kernel, region.width, target.width, [window.left, window.width]);
  const rows = weightsOf(kernel, region.height, target.height, [window.top, window.height]);
  const [across, down] = source.data instanceof Uint16Array ? [horizontalWide, verticalWide] : [horizontal, vertical];
  const band = { left: region.left, top: region.top + rows.first, width: region.width, height: rows.reach };
  if (!isVerticalFirst(region, target)) return down(across(source, band, columns), fromFirst(rows));
  const needed = crop(source, { ...band, left: region.left + columns.first, width: columns.reach });
  const short = down(needed, fromFirst(rows));
  return across(short, { left: 0, top: 0, width: short.width, height: short.height }, fromFirst(columns));
}

/** Pillow 13 scales the height first where that loses more than twice the rows than the width loses columns (python-pillow/Pillow#9549). */
function isVerticalFirst(from: Size, to: Size): boolean {
  return to.height < from.height && from.height - to.height > 2 * (from.width - to.width);
}

/** For each output sample of one axis: the first source sample, how many, and their weights. */
interface AxisWeights {
  readonly length: number;
  readonly taps: number;
  /** The first source sample of all, and how many there are from it to the last. */
  readonly first: number;
  readonly reach: number;
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly exact: Float64Array;
  readonly fixed: Int32Array;
}

const fixedOne = 1 << 22;

function weightsOf(kernel: Kernel, inSize: number, outSize: number, [from, length]: readonly [number, number]): AxisWeights {
  const scale = inSize / outSize;
  const filterScale = Math.max(scale, 1);
  const support = kernel.support * filterScale;
  const taps = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(length);
  const count = new Int32Array(length);
  const exact = new Float64Array(length * taps);
  const fixed = new Int32Array(length * taps);
  const inverse = 1 / filterScale;
  for (let i = 0; i < length; i++) {
    const centre = (from + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const n = Math.min(inSize, Math.trunc(centre + support + 0.5)) - low;
    let sum = 0;
    for (let k = 0; k < n; k++) {
      const weight = kernel.at((k + low - centre + 0.5) * inverse);
      exact[i * taps + k] = weight;
      sum += weight;
    }
    for (let k = i * taps; k < i * taps + n; k++) {
      const weight = sum === 0 ? (exact[k] as number) : (exact[k] as number) / sum;
      exact[k] = weight;
      fixed[k] = Math.trunc(weight * fixedOne + (weight < 0 ? -0.5 : 0.5));
    }
    start[i] = low;
    count[i] = n;
  }
  const first = start[0] ?? 0;
  const reach = (start[length - 1] ?? 0) + (count[length - 1] ?? 0) - first;
  return { length, taps, first, reach, start, count, exact, fixed };
}

/** The same weights for a source that begins at the first sample they need. */
function fromFirst(axis: AxisWeights): AxisWeights {
  return { ...axis, first: 0, start: axis.start.map((start) => start - axis.first) };
}

const half = 1 << 21;

function clip8(sum: number): number {
  const value = sum >> 22;
  return Math.max(0, Math.min(value, 255));
}

function horizontal(source: Plane, band: Region, axis: AxisWeights): Plane {
  const { bands, data } = source;
  const out = new Uint8Array(axis.length * band.height * bands);
  const weights = axis.fixed;
  let o = 0;
  for (let y = 0; y < band.height; y++) {
    const row = ((band.top + y) * source.width + band.left) * bands;
    for (let x = 0; x < axis.length; x++) {
      const from = row + (axis.start[x] as number) * bands;
      const first = x * axis.taps;
      const last = first + (axis.count[x] as number);
      if (bands === 3) {
        let r = half;
        let g = half;
        let b = half;
        for (let k = first, p = from; k < last; k++, p += 3) {
          const weight = weights[k] as number;
          r = (r + Math.imul(weight, data[p] as number)) | 0;
          g = (g + Math.imul(weight, data[p + 1] as number)) | 0;
          b = (b + Math.imul(weight, data[p + 2] as number)) | 0;
        }
        out[o++] = clip8(r);
        out[o++] = clip8(g);
        out[o++] = clip8(b);
        continue;
      }
      for (let c = 0; c < bands; c++) {
        let sum = half;
        for (let k = first, p = from + c; k < last; k++, p += bands) sum = (sum + Math.imul(weights[k] as number, data[p] as number)) | 0;
        out[o++] = clip8(sum);
      }
    }
  }
  return { width: axis.length, height: band.height, bands, data: out };
}

function vertical(source: Plane, axis: AxisWeights): Plane {
  const length = source.width * source.bands;
  const { data } = source;
  const out = new Uint8Array(axis.length * length);
  const sums = new Int32Array(length);
  for (let y = 0; y < axis.length; y++) {
    sums.fill(half);
    const first = y * axis.taps;
    for (let k = 0; k < (axis.count[y] as number); k++) {
      const weight = axis.fixed[first + k] as number;
      const row = ((axis.start[y] as number) + k) * length;
      for (let i = 0; i < length; i++) sums[i] = ((sums[i] as number) + Math.imul(weight, data[row + i] as number)) | 0;
    }
    for (let i = 0; i < length; i++) out[y * length + i] = clip8(sums[i] as number);
  }
  return { width: source.width, height: axis.length, bands: source.bands, data: out };
}

function clip16(sum: number): number {
  return Math.max(0, Math.min(Math.floor(sum + 0.5), 65_535));
}

function horizontalWide(source: Plane, band: Region, axis: AxisWeights): Plane {
  const out = new Uint16Array(axis.length * band.height);
  for (let y = 0; y < band.height; y++)
    for (let x = 0; x < axis.length; x++) {
      const from = (band.top + y) * source.width + band.left + (axis.start[x] as number);
      let sum = 0;
      for (let k = 0; k < (axis.count[x] as number); k++)
        sum += (source.data[from + k] as number) * (axis.exact[x * axis.taps + k] as number);
      out[y * axis.length + x] = clip16(sum);
    }
  return { width: axis.length, height: band.height, bands: 1, data: out };
}

function verticalWide(source: Plane, axis: AxisWeights): Plane {
  const out = new Uint16Array(axis.length * source.width);
  for (let y = 0; y < axis.length; y++)
    for (let x = 0; x < source.width; x++) {
      let sum = 0;
      for (let k = 0; k < (axis.count[y] as number); k++)
        sum += (source.data[((axis.start[y] as number) + k) * source.width + x] as number) * (axis.exact[y * axis.taps + k] as number);
      out[y * source.width + x] = clip16(sum);
    }
  return { width: source.width, height: axis.length, bands: 1, data: out };
}

/** The samples of a region that lies inside the image. */
function crop(source: Plane, region: Region): Plane {
  const { bands } = source;
  const length = region.width * bands;
  const data = emptyLike(source, region);
  for (let y = 0; y < region.height; y++) {
    const from = ((region.top + y) * source.width + region.left) * bands;
    data.set(source.data.subarray(from, from + length), y * length);
  }
  return { width: region.width, height: region.height, bands, data };
}

function nearest(source: Plane, { region, target, window }: Resize): Plane {
  const { bands } = source;
  const data = emptyLike(source, window);
  const columns = nearestOf(region.width, target.width, [window.left, window.width]);
  const rows = nearestOf(region.height, target.height, [window.top, window.height]);
  let o = 0;
  for (let y = 0; y < window.height; y++) {
    const row = (region.top + (rows[y] as number)) * source.width + region.left;
    for (let x = 0; x < window.width; x++) {
      const from = (row + (columns[x] as number)) * bands;
      for (let c = 0; c < bands; c++) data[o++] = source.data[from + c] as number;
    }
  }
  return { width: window.width, height: window.height, bands, data };
}

/** The steps are added up as Pillow adds them: where a position falls on a border, the rounding of the sum decides. */
function nearestOf(inSize: number, outSize: number, [from, length]: readonly [number, number]): Int32Array {
  const step = inSize / outSize;
  const found = new Int32Array(length);
  for (let i = 0, at = step * 0.5; i < from + length; i++, at += step)
    if (i >= from) found[i - from] = Math.min(inSize - 1, Math.trunc(at));
  return found;
}

function emptyLike(source: Plane, { width, height }: Size): Uint8Array | Uint16Array {
  const length = width * height * source.bands;
  return source.data instanceof Uint16Array ? new Uint16Array(length) : new Uint8Array(length);
}
