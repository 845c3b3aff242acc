import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sha256 } from "../util/hash.ts";
import { type Interpolation, type Plane, resize } from "./resample.ts";

type Row = readonly [
  width: number,
  height: number,
  bands: number,
  bits: number,
  toWidth: number,
  toHeight: number,
  filter: Interpolation,
  digest: string,
];

// Made by scripts/vectors/preprocess.py with Pillow 13.0.0: Image.resize alone, of samples from a formula.
const vectors = new URL("../../test/vectors/preprocess/vectors.json", import.meta.url);
const { resizes } = JSON.parse(readFileSync(vectors, "utf8")) as { readonly resizes: readonly Row[] };

function formula([width, height, bands, bits]: Row): Plane {
  const samples = Array.from({ length: width * height * bands }, (_, i) => (i * 40503 + ((i * i) % 65521)) % 65536);
  return { width, height, bands, data: bits === 16 ? Uint16Array.from(samples) : Uint8Array.from(samples, (value) => value >> 8) };
}

function resized(row: Row, border = 0): Plane {
  const [width, height, , , toWidth, toHeight, interpolation] = row;
  const target = { width: toWidth, height: toHeight };
  const window = { left: border, top: border, width: toWidth - 2 * border, height: toHeight - 2 * border };
  return resize(formula(row), { region: { left: 0, top: 0, width, height }, target, window, interpolation });
}

test("every size has Pillow's samples, bit for bit, on both sides of where it scales the height first", () => {
  const wrong = resizes.filter((row) => {
    const { data } = resized(row);
    return sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) !== row.at(-1);
  });
  expect(resizes.length).toBeGreaterThan(100);
  expect(wrong).toEqual([]);
});

test("a window holds what the whole target holds there, whichever side is scaled first", () => {
  for (const row of resizes.filter(([, , , , toWidth, toHeight]) => Math.min(toWidth, toHeight) > 6)) {
    const [whole, inner] = [resized(row), resized(row, 3)];
    const cut = { left: 3, top: 3, width: inner.width, height: inner.height };
    const target = { width: whole.width, height: whole.height };
    const expected = resize(whole, { region: { left: 0, top: 0, ...target }, target, window: cut, interpolation: "nearest" });
    expect(inner.data, row.join(" ")).toEqual(expected.data);
  }
});
