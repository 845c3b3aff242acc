import fc from "fast-check";
import { expect, test } from "vitest";
import { release } from "../engine/scope.ts";
import { read } from "../engine/tensor.ts";
import { clipPreprocess } from "../models/preprocess.ts";
import { assembleBatch, excludedPairs, type TrainingRow } from "./batches.ts";

function row(caption: string, concept?: string): TrainingRow {
  const image = { kind: "file", path: "/none" } as const;
  const request = { id: `set/${caption}`, image, transform: "train", draws: { purpose: "crop/update", task: 0, index: 0 } } as const;
  return { request, caption, source: "update", pass: 0, ...(concept === undefined ? {} : { concept }) };
}

test("pairs of one caption, or of one concept, are no negatives of each other, both ways; a row without a concept is its own", () => {
  const rows = [row("a", "x"), row("b", "x"), row("a"), row("c"), row("a", "y")];
  const textOf = Int32Array.of(0, 1, 0, 2, 0);
  expect(excludedPairs(rows, textOf, "ignore")).toEqual([]);
  expect([...excludedPairs(rows, textOf, "mask-class")].sort((a, b) => a - b)).toEqual([0 * 5 + 1, 1 * 5 + 0]);
  expect([...excludedPairs(rows, textOf, "mask-caption")].sort((a, b) => a - b)).toEqual([2, 4, 10, 14, 20, 22]);
});

test("excluded pairs are those of equal keys off the diagonal, for any rows", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 3 })), { maxLength: 12 }), (keys) => {
      const rows = keys.map((key) => row("a", key === null ? undefined : String(key)));
      const expected = keys.flatMap((a, i) => keys.flatMap((b, j) => (i !== j && a !== null && a === b ? [i * keys.length + j] : [])));
      expect([...excludedPairs(rows, new Int32Array(keys.length), "mask-class")].sort((a, b) => a - b)).toEqual(expected);
    }),
  );
});

test("a batch has one text for equal captions and pixels less the mean over the deviation", () => {
  const preprocess = { ...clipPreprocess, size: 2 };
  const images = Uint8Array.from({ length: 3 * 12 }, (_, i) => i * 7);
  const tokenize = (text: string, length: number): Int32Array => Int32Array.from({ length }, (_, i) => (i === 0 ? text.charCodeAt(0) : 0));
  const batch = assembleBatch({ images, rows: [] }, [row("a"), row("b"), row("a")], {
    preprocess,
    tokenize,
    contextLength: 4,
    duplicates: "mask-caption",
  });
  expect(batch.texts).toEqual({ ids: Int32Array.of(97, 0, 0, 0, 98, 0, 0, 0), rows: 2, length: 4 });
  expect([...batch.textOf]).toEqual([0, 1, 0]);
  expect([...(batch.excluded ?? [])].sort((a, b) => a - b)).toEqual([2, 6]);
  expect(batch.pixels.shape).toEqual([3, 3, 2, 2]);
  const pixels = read(batch.pixels) as Float32Array;
  const errors = Array.from(images, (value, i) => {
    const channel = Math.floor(i / 4) % 3;
    return Math.abs((pixels[i] ?? Number.NaN) - (value / 255 - (preprocess.mean[channel] ?? 0)) / (preprocess.std[channel] ?? 1));
  });
  expect(Math.max(...errors)).toBeLessThan(1e-6);
  release(batch);
});
