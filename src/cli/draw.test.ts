import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import { drawTo, pictureFile } from "./draw.ts";

const place = mkdtempSync(join(tmpdir(), "draw-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const square = '<svg width="10" height="20" viewBox="0 0 10 20"><rect width="10" height="20" fill="#ff0000"/></svg>';

test("the ending of a picture's name says its form, large letters too; others are refused", () => {
  expect([pictureFile("out", "a.svg"), pictureFile("out", "b.PNG")]).toEqual([resolve("a.svg"), resolve("b.PNG")]);
  for (const file of ["a.pdf", "svg", ".svg", "a.svg.gz"])
    expect(() => pictureFile("figure", file)).toThrow(`--figure ${file}: expected .svg or .png`);
});

test("a PNG has two pixels a point and the figure's colours, an SVG stands alone", async () => {
  await drawTo(square, join(place, "a.png"));
  const { data, info } = await sharp(join(place, "a.png")).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([20, 40]);
  expect([...data.subarray(0, 3)]).toEqual([255, 0, 0]);
  await drawTo(square, join(place, "a.SVG"));
  const svg = readFileSync(join(place, "a.SVG"), "utf8");
  expect(svg).toContain('<rect width="10" height="20" fill="#ff0000"/>');
  expect((await sharp(Buffer.from(svg)).metadata()).width).toBe(10);
});
