import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { retrievalMetrics, retrievalRanks } from "./retrieval-metrics.ts";

const ranksOf = (matrix: readonly (readonly number[])[], owners: readonly number[], block?: number) =>
  retrievalRanks({ images: matrix.length, owners, similarities: (from, to) => matrix.slice(from, to).flat(), ...(block ? { block } : {}) });

const toy = [
  [0.9, 0.1, 0.3, 0.2, 0.5, 0.6],
  [0.2, 0.8, 0.7, 0.4, 0.1, 0.3],
  [0.1, 0.3, 0.2, 0.9, 0.4, 0.8],
];

describe("retrieval", () => {
  test("the toy case of three images and six captions (evaluation.g5)", () => {
    const got = retrievalMetrics(ranksOf(toy, [0, 0, 1, 1, 2, 2]), [1, 2]);
    expect(got.recalls["image_retrieval_recall@1"]).toBe(0.5);
    expect(got.recalls["text_retrieval_recall@1"]).toBeCloseTo(1 / 3, 12);
    expect(got.recall[1]).toBeCloseTo(0.41666667, 8);
    expect(got.recalls["image_retrieval_recall@2"]).toBeCloseTo(5 / 6, 12);
    expect(got.recalls["text_retrieval_recall@2"]).toBe(1);
    expect(got.reciprocalRank.image).toBeCloseTo(0.722222, 6);
    expect(got.reciprocalRank.text).toBeCloseTo(0.666667, 6);
  });
  test("matched features score 1, owners moved by one score 0 at K = 1", () => {
    const identity = Array.from({ length: 5 }, (_, i) => Array.from({ length: 5 }, (_, j) => (i === j ? 1 : 0)));
    expect(retrievalMetrics(ranksOf(identity, [0, 1, 2, 3, 4])).recall[1]).toBe(1);
    expect(retrievalMetrics(ranksOf(identity, [1, 2, 3, 4, 0])).recall[1]).toBe(0);
  });
  test("equal scores go to the lower index", () => {
    const flat = [
      [1, 1, 1],
      [1, 1, 1],
    ];
    const { image, text } = ranksOf(flat, [1, 0, 1]);
    expect([[...image], [...text]]).toEqual([
      [2, 1, 2],
      [2, 1],
    ]);
  });
  test("ranks equal those of sorting, with any block size", () => {
    const cases = fc.integer({ min: 1, max: 6 }).chain((images) =>
      fc.tuple(
        fc.array(fc.nat({ max: images - 1 }), { maxLength: 8 }).map((extra) => [...Array.from({ length: images }, (_, i) => i), ...extra]),
        fc.array(fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 14, maxLength: 14 }), { minLength: images, maxLength: images }),
        fc.integer({ min: 1, max: 7 }),
      ),
    );
    fc.assert(
      fc.property(cases, ([owners, wide, block]) => {
        const matrix = wide.map((row) => row.slice(0, owners.length));
        const { image, text } = ranksOf(matrix, owners, block);
        const order = (scores: readonly number[]): number[] =>
          [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
        expect([...text]).toEqual(matrix.map((row, i) => 1 + order(row).findIndex((caption) => owners[caption] === i)));
        expect([...image]).toEqual(owners.map((owner, caption) => 1 + order(matrix.map((row) => row[caption] ?? 0)).indexOf(owner)));
      }),
    );
  });
  test("a score that is no number never helps", () => {
    const { image, text } = ranksOf(
      [
        [Number.NaN, 0.1],
        [0.2, 0.3],
      ],
      [0, 1],
    );
    expect([[...image], [...text]]).toEqual([
      [2, 1],
      [2, 1],
    ]);
  });
  test("an image without captions is named", () => {
    expect(() => ranksOf(toy, [0, 0, 1, 1, 1, 1])).toThrow(/image 2 of 3 has no caption/);
    expect(() => ranksOf(toy, [0, 0, 1, 1, 2, 3])).toThrow(RangeError);
  });
});
