import { z } from "zod";
import { cosPi } from "../../util/elementary.ts";
import type { Draws } from "../../util/random.ts";
import { defineAugment, type Preprocess } from "../augment.ts";
import { type OpenedImage, render } from "../decode.ts";
import type { Size } from "../geometry.ts";

const share = z.number().min(0).max(1);
const range = z.tuple([z.number().nonnegative(), z.number().nonnegative()]);
const options = z.strictObject({
  scale: range.default([0.7, 1.2]).describe("size of the drawing, 1 fills the square"),
  rotation: z.number().min(0).max(3.2).default(0.25).describe("radians to either side"),
  translation: share.default(0.15).describe("shift as a share of the side, in each direction"),
  fill: z.int().min(0).max(255).default(255).describe("level beyond the drawing's border"),
  grey: share.default(0.2).describe("how often colour is dropped"),
  contrast: range.default([0.6, 1.4]).describe("factor around the mean level"),
  brightness: z.number().min(0).max(255).default(40).describe("levels to either side"),
  blur: share.default(0.2).describe("how often a 3 x 3 binomial blur is laid over"),
  shading: share.default(0.3).describe("how often light falls from one side"),
  shadingDepth: z.number().min(0).max(255).default(60).describe("levels between the middle and the border, at most"),
});
type Options = z.output<typeof options>;

export default defineAugment({
  summary: "For small drawings on a plain ground: affine, grey, contrast, brightness, blur, shading.",
  options,
  async apply(image, chosen, { preprocess, draws }) {
    const { size } = preprocess;
    const ground = await shrunkTo(image, preprocess);
    const placed = affine(ground, size, drawAffine(chosen, size, ground, draws), chosen.fill);
    if (draws.uniform() < chosen.grey) greyen(placed);
    tone(placed, chosen, draws);
    if (draws.uniform() < chosen.blur) blur(placed, size);
    if (draws.uniform() < chosen.shading) shade(placed, size, chosen, draws);
    // The clamped array rounds and clips.
    return new Uint8Array(new Uint8ClampedArray(placed).buffer);
  },
});

interface Ground extends Size {
  readonly data: Uint8Array;
}

/**
 * The whole image, at most twice the square's side: from there one bilinear look-up per pixel is smooth enough, as the drawing is seldom shown
 * smaller than 0.7 of the square. An image of no more than that side is taken as it is.
 */
async function shrunkTo(image: OpenedImage, { size, interpolation, fill }: Preprocess): Promise<Ground> {
  const longest = Math.max(image.width, image.height);
  const factor = Math.min(1, (2 * size) / longest);
  const target = { width: Math.max(1, Math.round(image.width * factor)), height: Math.max(1, Math.round(image.height * factor)) };
  const region = { left: 0, top: 0, width: image.width, height: image.height };
  return { ...target, data: await render(image, { region, target, window: { left: 0, top: 0, ...target }, interpolation, fill }, "exact") };
}

/** From the middle of the square's pixel (x, y) to the ground: u = a·x + b·y + c, v = −b·x + a·y + d, in pixels. */
interface Affine {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

function between([low, high]: readonly [number, number], draws: Draws): number {
  return low + (high - low) * draws.uniform();
}

function drawAffine(chosen: Options, size: number, ground: Ground, draws: Draws): Affine {
  const scale = between(chosen.scale, draws);
  const { sin, cos } = sinCos(between([-chosen.rotation, chosen.rotation], draws));
  const shift = (): number => between([-chosen.translation, chosen.translation], draws) * size;
  const [x, y] = [size / 2 + shift(), size / 2 + shift()];
  const perPixel = Math.max(ground.width, ground.height) / (size * Math.max(scale, 1e-3));
  const [a, b] = [cos * perPixel, sin * perPixel];
  return { a, b, c: ground.width / 2 - a * x - b * y, d: ground.height / 2 + b * x - a * y };
}

/** [S, S, 3]. One bilinear look-up reaches over two pixels of the ground; where a pixel of the square covers more, it is the mean of two on its diagonal, or of four. */
function affine(ground: Ground, size: number, map: Affine, fill: number): Float32Array {
  const out = new Float32Array(size * size * 3);
  const perPixel = Math.sqrt(map.a * map.a + map.b * map.b);
  const taps = perPixel <= 1.1 ? taps1 : perPixel <= 2.4 ? taps2 : taps4;
  for (const [x, y] of taps) lookUp(out, ground, map, { size, fill, x, y, weight: 1 / taps.length });
  return out;
}

const taps1 = [[0.5, 0.5]] as const;
const taps2 = [
  [0.25, 0.25],
  [0.75, 0.75],
] as const;
const taps4 = [
  [0.25, 0.25],
  [0.75, 0.25],
  [0.25, 0.75],
  [0.75, 0.75],
] as const;

interface Grid {
  readonly size: number;
  readonly fill: number;
  /** Where in each pixel the ground is looked up, and how much that counts. */
  readonly x: number;
  readonly y: number;
  readonly weight: number;
}

/** Adds one bilinear look-up for each pixel. */
function lookUp(out: Float32Array, ground: Ground, { a, b, c, d }: Affine, grid: Grid): void {
  const { size, fill, weight } = grid;
  const { width, height, data } = ground;
  for (let row = 0, o = 0; row < size; row++)
    for (let column = 0; column < size; column++, o += 3) {
      const u = a * (column + grid.x) + b * (row + grid.y) + c - 0.5;
      const v = a * (row + grid.y) - b * (column + grid.x) + d - 0.5;
      const left = Math.floor(u);
      const top = Math.floor(v);
      const right = u - left;
      const down = v - top;
      if (left >= 0 && top >= 0 && left < width - 1 && top < height - 1) {
        const p = (top * width + left) * 3;
        const q = p + width * 3;
        for (let channel = 0; channel < 3; channel++) {
          const i = p + channel;
          const j = q + channel;
          const above = (data[i] as number) + right * ((data[i + 3] as number) - (data[i] as number));
          const below = (data[j] as number) + right * ((data[j + 3] as number) - (data[j] as number));
          out[o + channel] = (out[o + channel] as number) + weight * (above + down * (below - above));
        }
      } else if (left < -1 || top < -1 || left >= width || top >= height) {
        for (let channel = o; channel < o + 3; channel++) out[channel] = (out[channel] as number) + weight * fill;
      } else {
        addBorder(out, o, ground, { left, top, right, down, weight, fill });
      }
    }
}

interface Corner {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly down: number;
  readonly weight: number;
  readonly fill: number;
}

/** A look-up at the border, where some of the four pixels are not there and count as the fill level. */
function addBorder(out: Float32Array, o: number, { width, height, data }: Ground, { left, top, right, down, weight, fill }: Corner): void {
  for (let corner = 0; corner < 4; corner++) {
    const x = left + (corner & 1);
    const y = top + (corner >> 1);
    const part = weight * ((corner & 1) === 1 ? right : 1 - right) * (corner >> 1 === 1 ? down : 1 - down);
    const isInside = x >= 0 && y >= 0 && x < width && y < height;
    const p = (y * width + x) * 3;
    for (let channel = 0; channel < 3; channel++) {
      const level = isInside ? (data[p + channel] as number) : fill;
      out[o + channel] = (out[o + channel] as number) + part * level;
    }
  }
}

function greyen(image: Float32Array): void {
  for (let i = 0; i < image.length; i += 3) {
    // ITU-R 601 luma, as torchvision's Grayscale.
    const luma = 0.299 * (image[i] as number) + 0.587 * (image[i + 1] as number) + 0.114 * (image[i + 2] as number);
    image.fill(luma, i, i + 3);
  }
}

function tone(image: Float32Array, chosen: Options, draws: Draws): void {
  const contrast = between(chosen.contrast, draws);
  const brightness = between([-chosen.brightness, chosen.brightness], draws);
  let mean = 0;
  for (let i = 0; i < image.length; i++) mean += image[i] as number;
  mean /= image.length;
  for (let i = 0; i < image.length; i++) image[i] = mean + contrast * ((image[i] as number) - mean) + brightness;
}

/** [1 2 1] / 4 along rows, then columns; border pixels repeat. */
function blur(image: Float32Array, size: number): void {
  const length = size * 3;
  for (let y = 0; y < size; y++) blurLine(image, { first: y * length, step: 3, size });
  for (let x = 0; x < length; x += 3) blurLine(image, { first: x, step: length, size });
}

function blurLine(
  image: Float32Array,
  { first, step, size }: { readonly first: number; readonly step: number; readonly size: number },
): void {
  for (let channel = first; channel < first + 3; channel++) {
    let previous = image[channel] as number;
    for (let i = 0, at = channel; i < size; i++, at += step) {
      const here = image[at] as number;
      const next = i < size - 1 ? (image[at + step] as number) : here;
      image[at] = (previous + 2 * here + next) / 4;
      previous = here;
    }
  }
}

/** A ramp of brightness across the square, in any direction, zero in the middle. */
function shade(image: Float32Array, size: number, { shadingDepth }: Options, draws: Draws): void {
  const { sin, cos } = sinCos(2 * Math.PI * draws.uniform());
  const slope = (2 * shadingDepth * draws.uniform()) / size;
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++, i += 3) {
      const light = slope * (cos * (x + 0.5 - size / 2) + sin * (y + 0.5 - size / 2));
      for (let channel = i; channel < i + 3; channel++) image[channel] = (image[channel] as number) + light;
    }
}

function sinCos(radians: number): { readonly sin: number; readonly cos: number } {
  return { sin: cosPi(radians / Math.PI - 0.5), cos: cosPi(radians / Math.PI) };
}
