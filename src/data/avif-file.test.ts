import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { avifTurn } from "./avif-file.ts";
import { openImage } from "./decode.ts";

// 31 x 23 pixels, written by Pillow with the orientation in the name: scripts/vectors/preprocess.py.
const turned = (turn: number): Buffer => readFileSync(new URL(`../../test/vectors/preprocess/turned-${turn}.avif`, import.meta.url));

test.each([
  [1, 0, "none"],
  [2, 0, "left-right"],
  [3, 2, "none"],
  [4, 0, "top-bottom"],
  [5, 1, "top-bottom"],
  [6, 3, "none"],
  [7, 3, "top-bottom"],
  [8, 1, "none"],
] as const)(
  "orientation %i is stored as %i quarter turns to the left and the mirror %s, and undone unless asked for",
  async (turn, quarters, mirror) => {
    const bytes = turned(turn);
    expect(avifTurn(bytes)).toEqual({ quarters, mirror });
    const stored = await openImage(bytes, "a.avif");
    expect(await stored.pixels()).toMatchObject({ width: 31, height: 23 });
    const shown = await openImage(bytes, "a.avif", { exif: "apply" });
    const size = turn >= 5 ? { width: 23, height: 31 } : { width: 31, height: 23 };
    expect(shown).toMatchObject(size);
    expect(await shown.pixels()).toMatchObject(size);
  },
);

test("boxes that are cut, of no length or longer than the file end the search", () => {
  const whole = turned(7);
  for (let end = 0; end < whole.length; end++) expect(avifTurn(whole.subarray(0, end)).quarters).toBeLessThan(4);
  for (let at = 0; at < 400; at++) {
    const bytes = Uint8Array.from(whole);
    bytes.fill(0, at, at + 4);
    expect(avifTurn(bytes).quarters).toBeLessThan(4);
    bytes.fill(255, at, at + 4);
    expect(avifTurn(bytes).quarters).toBeLessThan(4);
  }
});
