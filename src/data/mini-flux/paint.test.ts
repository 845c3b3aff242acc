import { expect, test } from "vitest";
import { paintGrey, paintSvg, sizedSvg } from "./paint.ts";
import { pictureBytes, side } from "./planned.ts";

const pixel = (picture: Uint8Array, x: number, y: number): number[] => [...picture.subarray((y * side + x) * 3, (y * side + x) * 3 + 3)];
const svg = (attributes: string, body: string): string => `<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${body}</svg>`;

test("the root asks for 64 pixels on its longer side", () => {
  expect(sizedSvg(svg('viewBox="0 0 36 36" width="1em" height="1em"', ""))).toBe(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36" width="64" height="64"></svg>',
  );
  expect(sizedSvg(svg('viewBox="0 0 640 480"', ""))).toContain('width="64" height="48"');
  expect(sizedSvg(svg("width='32px' height='16px'", ""))).toContain('viewBox="0 0 32 16" width="64" height="32"');
});

test("what is no SVG is refused", () => {
  expect(() => sizedSvg("<html></html>")).toThrow("no <svg> element");
});

test("left and right, top and bottom stay where they are", async () => {
  const picture = await paintSvg(
    svg('viewBox="0 0 2 2"', '<rect width="1" height="1" fill="#f00"/><rect x="1" y="1" width="1" height="1" fill="#00f"/>'),
  );
  expect(picture.length).toBe(pictureBytes);
  expect([pixel(picture, 10, 10), pixel(picture, 50, 50), pixel(picture, 50, 10)]).toEqual([
    [255, 0, 0],
    [0, 0, 255],
    [255, 255, 255],
  ]);
});

test("a wide drawing is whole, with white above and below", async () => {
  const picture = await paintSvg(svg('viewBox="0 0 4 2"', '<rect width="4" height="2" fill="#0a0"/>'));
  expect([pixel(picture, 1, 8), pixel(picture, 1, 32), pixel(picture, 62, 32), pixel(picture, 32, 56)]).toEqual([
    [255, 255, 255],
    [0, 170, 0],
    [0, 170, 0],
    [255, 255, 255],
  ]);
});

test("grey squares keep their orientation when they are scaled up", async () => {
  const picture = await paintGrey(Uint8Array.of(0, 0, 255, 255), 2);
  expect([pixel(picture, 5, 2), pixel(picture, 60, 61)]).toEqual([
    [0, 0, 0],
    [255, 255, 255],
  ]);
});
