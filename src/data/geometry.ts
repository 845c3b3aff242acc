import { ln } from "../util/elementary.ts";
import type { Draws } from "../util/random.ts";

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Region extends Size {
  readonly left: number;
  readonly top: number;
}

/** OpenCLIP's `resize_mode`: what of an image that is not square reaches the square. */
export type ResizeMode = "shortest" | "longest" | "squash";

/** The whole image is scaled to `target`; `window` of it is kept, and may reach over the border, where the fill colour stands. */
export interface Placement {
  readonly target: Size;
  readonly window: Region;
}

/**
 * Where OpenCLIP's evaluation transform puts an image. `shortest` floors the long side as torchvision's `Resize` does; `longest` rounds
 * as timm's `ResizeKeepRatio` does (a side that would vanish keeps one pixel, where OpenCLIP fails); crops round half to even as Python does.
 */
export function evaluationPlacement(image: Size, size: number, mode: ResizeMode): Placement {
  const target = scaledSize(image, size, mode);
  const before = (side: number): number => (side >= size ? roundHalfEven((side - size) / 2) : -Math.floor((size - side) / 2));
  return { target, window: { left: before(target.width), top: before(target.height), width: size, height: size } };
}

function scaledSize({ width, height }: Size, size: number, mode: ResizeMode): Size {
  if (mode === "squash") return { width: size, height: size };
  if (mode === "longest") {
    const ratio = Math.max(height / size, width / size);
    return { width: Math.max(1, roundHalfEven(width / ratio)), height: Math.max(1, roundHalfEven(height / ratio)) };
  }
  return shortestTo({ width, height }, size);
}

/** An image whose shorter side becomes `size`, the longer one as torchvision's `Resize` gives it. */
export function shortestTo({ width, height }: Size, size: number): Size {
  // Two multiplications in torchvision's order: (size · long) / short.
  return width <= height
    ? { width: size, height: Math.trunc((size * height) / width) }
    : { width: Math.trunc((size * width) / height), height: size };
}

/** How much of the image a random crop keeps. */
export interface CropRange {
  /** Area as a share of the image's. */
  readonly scale: readonly [number, number];
  /** Width over height, drawn uniformly in its logarithm. */
  readonly ratio: readonly [number, number];
}

/**
 * The region of torchvision's `RandomResizedCrop`. Draws, in order: up to ten times area and aspect, then top and left of the first that fits;
 * after ten failures the centre, with the aspect clamped.
 */
export function randomCrop(image: Size, range: CropRange, draws: Draws): Region {
  const area = image.width * image.height;
  const [low, high] = [ln(range.ratio[0]), ln(range.ratio[1])];
  for (let attempt = 0; attempt < 10; attempt++) {
    const share = range.scale[0] + (range.scale[1] - range.scale[0]) * draws.uniform();
    const aspect = exp(low + (high - low) * draws.uniform());
    const width = roundHalfEven(Math.sqrt(area * share * aspect));
    const height = roundHalfEven(Math.sqrt((area * share) / aspect));
    if (width < 1 || height < 1 || width > image.width || height > image.height) continue;
    const top = draws.below(image.height - height + 1);
    const left = draws.below(image.width - width + 1);
    return { left, top, width, height };
  }
  return centreCrop(image, range.ratio);
}

function centreCrop(image: Size, [narrow, wide]: readonly [number, number]): Region {
  const aspect = image.width / image.height;
  const width = aspect > wide ? Math.max(1, roundHalfEven(image.height * wide)) : image.width;
  const height = aspect < narrow ? Math.max(1, roundHalfEven(image.width / narrow)) : image.height;
  return { left: Math.floor((image.width - width) / 2), top: Math.floor((image.height - height) / 2), width, height };
}

/** Python's `round`. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** eˣ for moderate x from IEEE additions and multiplications alone: `Math.exp` may differ between versions of Node, and a crop's side is rounded from this. */
function exp(x: number): number {
  const reduced = x / 2 ** 10;
  let term = 1;
  let sum = 1;
  for (let n = 1; n <= 8; n++) {
    term = (term * reduced) / n;
    sum += term;
  }
  for (let i = 0; i < 10; i++) sum *= sum;
  return sum;
}
