import { expect, test } from "vitest";
import { createRandom } from "../../../util/random.ts";
import { openPackages } from "../packages.ts";
import { side } from "../planned.ts";
import { dspritesFamily, paintSprite, placeName } from "./dsprites.ts";

const whiteness = (picture: Uint8Array): number => picture.reduce((sum, value) => sum + value, 0) / (3 * 255);

test("an upright square covers the square of its side", () => {
  expect(whiteness(paintSprite({ shape: "square", x: 32, y: 20, radius: 8, angle: 0 }))).toBeCloseTo(256, 6);
});

test("a turned square covers about as much", () => {
  expect(Math.abs(whiteness(paintSprite({ shape: "square", x: 32, y: 32, radius: 8, angle: 0.5 })) - 256)).toBeLessThan(3);
});

test("an ellipse covers π·a·b", () => {
  const expected = Math.PI * Math.sqrt(1.6) * (Math.sqrt(1.6) / 2) * 81;
  expect(Math.abs(whiteness(paintSprite({ shape: "ellipse", x: 32, y: 32, radius: 9, angle: 1 })) - expected)).toBeLessThan(3);
});

test("an upright heart mirrors itself and is wider above its middle", () => {
  const picture = paintSprite({ shape: "heart", x: 32, y: 32, radius: 9, angle: 0 });
  const row = (y: number): number[] => Array.from({ length: side }, (_, x) => picture[(y * side + x) * 3] ?? 0);
  for (let y = 0; y < side; y++) expect(row(y)).toEqual(row(y).reverse());
  const width = (y: number): number => row(y).reduce((sum, value) => sum + value, 0) / 255;
  expect(width(28)).toBeGreaterThan(2 * width(38));
});

test("nine places have nine names", () => {
  const names = Array.from({ length: 9 }, (_, i) => placeName(Math.floor(i / 3), i % 3));
  expect(names).toEqual([
    "top left",
    "top center",
    "top right",
    "center left",
    "center",
    "center right",
    "bottom left",
    "bottom center",
    "bottom right",
  ]);
});

test("each class has 30 and 10 pictures, and the sprite lies where the class says", async () => {
  const [set] = await dspritesFamily(openPackages("unused"), createRandom(0));
  expect(set?.classNames).toHaveLength(27);
  expect(set?.records.filter(({ split }) => split === "train")).toHaveLength(810);
  expect(set?.records.filter(({ split }) => split === "test")).toHaveLength(270);
  for (const { className, paint } of set?.records.filter((_, i) => i % 20 === 0) ?? [])
    expect(placeOf(await paint()), className).toBe(className.split(" the ")[1]);
});

/** The place whose ninth of the picture holds the middle of what is white. */
function placeOf(picture: Uint8Array): string {
  let [mass, x, y] = [0, 0, 0];
  for (let i = 0; i < side * side; i++) {
    const value = picture[i * 3] ?? 0;
    mass += value;
    x += value * (i % side);
    y += value * Math.floor(i / side);
  }
  const third = (sum: number): number => Math.floor(sum / mass / (side / 3));
  return placeName(third(y), third(x));
}
