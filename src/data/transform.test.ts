import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sha256 } from "../util/hash.ts";
import { evaluationPlacement, type ResizeMode } from "./geometry.ts";
import { decodeTest } from "./transform.ts";

interface Case {
  readonly file: string;
  readonly size: number;
  readonly resizeMode: ResizeMode;
  readonly interpolation: "bicubic" | "bilinear";
  readonly sha256: string;
  readonly grid: readonly number[];
}
type Geometry = readonly [
  width: number,
  height: number,
  size: number,
  mode: ResizeMode,
  targetWidth: number,
  targetHeight: number,
  left: number,
  top: number,
];

// Made by scripts/vectors/preprocess.py from open_clip 3.3.0, torchvision and Pillow.
const folder = new URL("../../test/vectors/preprocess/", import.meta.url);
const vectors = JSON.parse(readFileSync(new URL("vectors.json", folder), "utf8")) as {
  readonly cases: readonly Case[];
  readonly geometry: readonly Geometry[];
};

function gridOf(pixels: Uint8Array, size: number): number[] {
  const at = Array.from({ length: 8 }, (_, i) => Math.floor(size / 16) + i * Math.floor(size / 8));
  return at.flatMap((y) => at.flatMap((x) => [...pixels.subarray((y * size + x) * 3, (y * size + x) * 3 + 3)]));
}

/** The largest difference, and where. */
function worst(found: readonly number[], expected: readonly number[]): { readonly most: number; readonly said: string } {
  const off = found.map((value, i) => Math.abs(value - (expected[i] ?? 0)));
  const most = Math.max(...off);
  return { most, said: `grid differs by up to ${most} at ${off.indexOf(most)}` };
}

const isAvif = ({ file }: Case): boolean => file.endsWith(".avif");

test.each(vectors.cases.filter((each) => !isAvif(each)))(
  "$file at $size, $resizeMode, $interpolation has OpenCLIP's pixels, bit for bit",
  async (wanted) => {
    const { file, size, resizeMode, interpolation } = wanted;
    const pixels = await decodeTest(readFileSync(new URL(file, folder)), { size, resizeMode, interpolation }, file);
    expect(sha256(pixels), worst(gridOf(pixels, size), wanted.grid).said).toBe(wanted.sha256);
  },
);

// libheif repeats colour of half the resolution where libavif interpolates it: 41 levels at this picture's hard edges. Its change to RGB rounds otherwise.
test.each(vectors.cases.filter(isAvif))("$file is near OpenCLIP's pixels and turned as they are", async ({ file, size, grid }) => {
  const pixels = await decodeTest(readFileSync(new URL(file, folder)), { size }, file);
  const { most, said } = worst(gridOf(pixels, size), grid);
  expect(most, said).toBeLessThanOrEqual(file === "half-colour.avif" ? 48 : 2);
});

test("the fast resampler stays near OpenCLIP's pixels: a quarter of a level on average, few levels at hard edges", async () => {
  const bytes = readFileSync(new URL("rgb-640x480.jpg", folder));
  const exact = await decodeTest(bytes, { size: 224 });
  const fast = await decodeTest(bytes, { size: 224, resampler: "fast" });
  let [most, sum] = [0, 0];
  exact.forEach((level, i) => {
    const off = Math.abs(level - (fast[i] ?? 0));
    most = Math.max(most, off);
    sum += off;
  });
  expect(sum / exact.length).toBeLessThan(0.25);
  expect(most).toBeLessThanOrEqual(8);
  expect(most).toBeGreaterThan(0);
});

test("the camera's orientation turns a picture only when asked to", async () => {
  const bytes = readFileSync(new URL("exif-turned.jpg", folder));
  const ignored = await decodeTest(bytes, { size: 32, resizeMode: "squash" });
  const applied = await decodeTest(bytes, { size: 32, resizeMode: "squash", exif: "apply" });
  // Orientation 6 is a quarter turn to the right: the upper left corner goes to the upper right.
  const at = (pixels: Uint8Array, x: number, y: number): number => pixels[(y * 32 + x) * 3] ?? -1;
  for (const [x, y] of [
    [0, 0],
    [31, 0],
    [5, 20],
  ] as const)
    expect(Math.abs(at(applied, 31 - y, x) - at(ignored, x, y))).toBeLessThanOrEqual(3);
});

test("sizes and corners are torchvision's for every size of image", () => {
  const wrong = vectors.geometry.filter(([width, height, size, mode, targetWidth, targetHeight, left, top]) => {
    const { target, window } = evaluationPlacement({ width, height }, size, mode);
    return target.width !== targetWidth || target.height !== targetHeight || window.left !== left || window.top !== top;
  });
  expect(vectors.geometry.length).toBeGreaterThan(600);
  expect(wrong).toEqual([]);
});
