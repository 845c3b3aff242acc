import type { Region } from "./geometry.ts";
import { type Interpolation, type Plane, type Resize, resize } from "./resample.ts";

/**
 * What an image's samples mean; Pillow's mode in brackets.
 * `grey` (L), `rgb` (RGB), `grey-alpha` (LA), `rgb-alpha` (RGBA), `cmyk` (CMYK), `grey-16` (I;16), and `indexed` (P and 1: already looked up as RGB,
 * but Pillow resizes indices, so only the nearest pixel may be taken).
 */
export type PixelKind = "grey" | "rgb" | "grey-alpha" | "rgb-alpha" | "cmyk" | "grey-16" | "indexed";

export interface Pixels extends Plane {
  readonly kind: PixelKind;
}

/** A resize whose window may reach over the target's border. */
export interface Rendering extends Resize {
  /** Sample value outside the target. */
  readonly fill: number;
}

/** The window as RGB [height, width, 3]: resized in the image's own mode and converted afterwards, as OpenCLIP's transform does it. */
export function renderPixels(pixels: Pixels, rendering: Rendering): Uint8Array {
  const inside = intersect(rendering);
  const interpolation: Interpolation = pixels.kind === "indexed" ? "nearest" : rendering.interpolation;
  const changes = rendering.region.width !== rendering.target.width || rendering.region.height !== rendering.target.height;
  const hasAlpha = pixels.kind === "grey-alpha" || pixels.kind === "rgb-alpha";
  const multiply = hasAlpha && changes && interpolation !== "nearest";
  const resized = resize(multiply ? premultiplied(pixels) : pixels, { ...rendering, window: inside, interpolation });
  const straight = multiply ? unpremultiplied(resized) : resized;
  return toRgb(pixels.kind, padded(straight, rendering, inside));
}

function intersect({ target, window }: Resize): Region {
  const left = Math.max(0, window.left);
  const top = Math.max(0, window.top);
  return {
    left,
    top,
    width: Math.min(target.width, window.left + window.width) - left,
    height: Math.min(target.height, window.top + window.height) - top,
  };
}

function padded(plane: Plane, { window, fill }: Rendering, inside: Region): Plane {
  if (inside.width === window.width && inside.height === window.height) return plane;
  const { bands } = plane;
  const length = window.width * window.height * bands;
  const data = plane.data instanceof Uint16Array ? new Uint16Array(length).fill(fill) : new Uint8Array(length).fill(fill);
  for (let y = 0; y < inside.height; y++) {
    const to = ((inside.top - window.top + y) * window.width + inside.left - window.left) * bands;
    data.set(plane.data.subarray(y * inside.width * bands, (y + 1) * inside.width * bands), to);
  }
  return { width: window.width, height: window.height, bands, data };
}

/** a · b / 255, rounded as Pillow's MULDIV255 does. */
function mulDiv255(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

function premultiplied(plane: Plane): Plane {
  const { bands } = plane;
  const data = Uint8Array.from(plane.data);
  for (let i = 0; i < data.length; i += bands) {
    const alpha = data[i + bands - 1] as number;
    for (let c = 0; c < bands - 1; c++) data[i + c] = mulDiv255(data[i + c] as number, alpha);
  }
  return { ...plane, data };
}

function unpremultiplied(plane: Plane): Plane {
  const { bands } = plane;
  const data = Uint8Array.from(plane.data);
  for (let i = 0; i < data.length; i += bands) {
    const alpha = data[i + bands - 1] as number;
    if (alpha === 0 || alpha === 255) continue;
    for (let c = 0; c < bands - 1; c++) data[i + c] = Math.min(255, Math.trunc((255 * (data[i + c] as number)) / alpha));
  }
  return { ...plane, data };
}

/** Pillow's `convert("RGB")`: alpha is dropped, not composited; ink is subtracted from paper; 16-bit grey is cut at 255. */
function toRgb(kind: PixelKind, { width, height, bands, data }: Plane): Uint8Array {
  const count = width * height;
  if (bands === 3 && data instanceof Uint8Array) return data;
  const out = new Uint8Array(count * 3);
  for (let i = 0, p = 0, o = 0; i < count; i++, p += bands, o += 3) {
    if (kind === "cmyk") {
      const paper = 255 - (data[p + 3] as number);
      for (let c = 0; c < 3; c++) out[o + c] = Math.max(0, paper - mulDiv255(data[p + c] as number, paper));
    } else if (bands >= 3) {
      for (let c = 0; c < 3; c++) out[o + c] = data[p + c] as number;
    } else out.fill(Math.min(255, data[p] as number), o, o + 3);
  }
  return out;
}
