import fc from "fast-check";
import { expect, test } from "vitest";
import { createRandom } from "../../util/random.ts";
import { loadAugment } from "../augment.ts";
import { type OpenedImage, openPixels } from "../decode.ts";
import { preprocessOf } from "../transform.ts";

const still = { scale: [1, 1], rotation: 0, translation: 0, grey: 0, contrast: [1, 1], brightness: 0, blur: 0, shading: 0 };

function picture(width: number, height: number, level: (x: number, y: number, channel: number) => number): OpenedImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) =>
    level(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3),
  );
  return openPixels({ width, height, bands: 3, kind: "rgb", data });
}

async function drawn(image: OpenedImage, options: Readonly<Record<string, unknown>>, index = 0): Promise<Uint8Array> {
  const augment = await loadAugment({ name: "drawings", ...options });
  return augment(image, { preprocess: preprocessOf({ size: 8 }), draws: createRandom(9).at("crop/update", { task: 2, index }) });
}

const noise = picture(8, 8, (x, y, channel) => (x * 37 + y * 91 + channel * 53) % 256);

test("with every effect off, an image of the square's size is left as it is", async () => {
  expect(await drawn(noise, still)).toEqual((await noise.pixels()).data);
});

test("the same address draws the same picture, another index another one", async () => {
  expect(await drawn(noise, {}, 4)).toEqual(await drawn(noise, {}, 4));
  expect(await drawn(noise, {}, 4)).not.toEqual(await drawn(noise, {}, 5));
});

test("a quarter turn moves the upper left corner to a neighbouring corner", async () => {
  const dot = picture(8, 8, (x, y) => (x < 2 && y < 2 ? 0 : 255));
  const turned = await drawn(dot, { ...still, rotation: Math.PI / 2 });
  const dark = Array.from({ length: 64 }, (_, i) => i).filter((i) => (turned[i * 3] ?? 0) < 200);
  expect(dark.length).toBeGreaterThan(0);
  const angle = createRandom(9).at("crop/update", { task: 2, index: 0 });
  angle.uniform();
  // The drawn angle is the second number of the address; the dot's centre (−3, −3) from the middle turns by it.
  const radians = (2 * angle.uniform() - 1) * (Math.PI / 2);
  const [x, y] = [-3 * Math.cos(radians) + 3 * Math.sin(radians) + 4, -3 * Math.sin(radians) - 3 * Math.cos(radians) + 4];
  const centre = [0, 1].map((axis) => dark.reduce((sum, i) => sum + (axis === 0 ? i % 8 : Math.floor(i / 8)) + 0.5, 0) / dark.length);
  expect(Math.abs((centre[0] ?? 0) - x)).toBeLessThan(0.75);
  expect(Math.abs((centre[1] ?? 0) - y)).toBeLessThan(0.75);
});

test("beyond the drawing stands the fill level", async () => {
  const black = picture(16, 16, () => 0);
  const half = await drawn(black, { ...still, scale: [0.5, 0.5], fill: 200 });
  expect(half[0]).toBe(200);
  expect(half[(4 * 8 + 4) * 3]).toBe(0);
});

test("grey makes the three channels equal to the luma", async () => {
  const grey = await drawn(noise, { ...still, grey: 1 });
  const before = (await noise.pixels()).data;
  for (let i = 0; i < grey.length; i += 3) {
    const luma = 0.299 * (before[i] ?? 0) + 0.587 * (before[i + 1] ?? 0) + 0.114 * (before[i + 2] ?? 0);
    expect(Math.abs((grey[i] ?? 0) - luma)).toBeLessThanOrEqual(0.51);
    expect(grey[i + 1]).toBe(grey[i]);
  }
});

test("blur keeps a plain colour and spreads a dot as the binomial kernel", async () => {
  const plain = picture(8, 8, (_x, _y, channel) => 60 * channel + 10);
  expect(await drawn(plain, { ...still, blur: 1 })).toEqual((await plain.pixels()).data);
  const dot = picture(8, 8, (x, y) => (x === 3 && y === 3 ? 160 : 0));
  const spread = await drawn(dot, { ...still, blur: 1 });
  expect([2, 3, 4].map((y) => [2, 3, 4].map((x) => spread[(y * 8 + x) * 3]))).toEqual([
    [10, 20, 10],
    [20, 40, 20],
    [10, 20, 10],
  ]);
});

test("shading is zero on average and grows along one direction", async () => {
  const plain = picture(8, 8, () => 128);
  const shaded = await drawn(plain, { ...still, shading: 1 });
  const mean = shaded.reduce((sum, level) => sum + level, 0) / shaded.length;
  expect(Math.abs(mean - 128)).toBeLessThan(0.6);
  const corners = [0, 7, 56, 63].map((i) => shaded[i * 3] ?? 0);
  expect(Math.abs((corners[0] ?? 0) + (corners[3] ?? 0) - 256)).toBeLessThanOrEqual(1);
  expect(Math.max(...corners) - Math.min(...corners)).toBeGreaterThan(2);
});

test("any image size gives a whole square", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70 }), fc.nat(1000), async (width, height, index) => {
      expect(
        await drawn(
          picture(width, height, (x, y) => (x * y) % 256),
          {},
          index,
        ),
      ).toHaveLength(8 * 8 * 3);
    }),
    { numRuns: 50 },
  );
});
