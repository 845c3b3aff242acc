import fc from "fast-check";
import { expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { randomCrop, roundHalfEven } from "./geometry.ts";

const openclip = { scale: [0.9, 1], ratio: [3 / 4, 4 / 3] } as const;
const draws = (index: number) => createRandom(11).at("crop/update", { task: 1, index });

test("a crop lies inside the image and keeps its share of the area and its aspect, up to rounding", () => {
  fc.assert(
    fc.property(fc.integer({ min: 40, max: 900 }), fc.integer({ min: 40, max: 900 }), fc.nat(10_000), (width, height, index) => {
      const crop = randomCrop({ width, height }, openclip, draws(index));
      expect(crop.left >= 0 && crop.top >= 0 && crop.left + crop.width <= width && crop.top + crop.height <= height).toBe(true);
      expect(crop.width / crop.height).toBeLessThan(4 / 3 + 0.05);
      expect(crop.width / crop.height).toBeGreaterThan(3 / 4 - 0.05);
      const share = (crop.width * crop.height) / (width * height);
      // A square picture of which nine tenths are asked for has room for them; a long one is cut to the widest aspect.
      if (Math.max(width / height, height / width) < 1.1) expect(share).toBeGreaterThan(0.86);
    }),
  );
});

test("an image too long for any try is cropped in the middle at the nearest aspect allowed", () => {
  expect(randomCrop({ width: 1000, height: 10 }, openclip, draws(0))).toEqual({ left: 493, top: 0, width: 13, height: 10 });
  expect(randomCrop({ width: 9, height: 300 }, openclip, draws(0))).toEqual({ left: 0, top: 144, width: 9, height: 12 });
  expect(randomCrop({ width: 1, height: 1 }, openclip, draws(3))).toEqual({ left: 0, top: 0, width: 1, height: 1 });
});

test("a first try that fits is area, aspect, top, left of the address, in this order", () => {
  const image = { width: 400, height: 400 };
  let fitting = 0;
  for (let index = 0; index < 100; index++) {
    const again = draws(index);
    const area = 160_000 * (0.9 + 0.1 * again.uniform());
    const aspect = Math.exp(Math.log(3 / 4) + (Math.log(4 / 3) - Math.log(3 / 4)) * again.uniform());
    const [width, height] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
    if (width > 400 || height > 400) continue;
    fitting++;
    expect(randomCrop(image, openclip, draws(index))).toEqual({
      width,
      height,
      top: again.below(401 - height),
      left: again.below(401 - width),
    });
  }
  expect(fitting).toBeGreaterThan(10);
});

test("corners are uniform: their mean is the middle of what is left", () => {
  const crops = Array.from({ length: 4000 }, (_, index) => randomCrop({ width: 500, height: 500 }, openclip, draws(index)));
  const shares = crops.filter(({ width }) => width < 490).map(({ left, width }) => left / (500 - width));
  expect(shares.length).toBeGreaterThan(2000);
  // Standard error of a uniform mean over 2,000 is 0.0065.
  expect(Math.abs(shares.reduce((a, b) => a + b, 0) / shares.length - 0.5)).toBeLessThan(0.02);
});

test("rounding is Python's", () => {
  expect([0.5, 1.5, 2.5, -0.5, 2.4, 2.6].map(roundHalfEven)).toEqual([0, 2, 2, 0, 2, 3]);
});
