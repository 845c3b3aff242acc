import { expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { matchingLoss, type PairTable } from "./matching-loss.ts";
import { nameCounts } from "./word-counts.ts";

const table = (rows: readonly (readonly number[])[]) => ({
  rows: rows.length,
  width: rows[0]?.length ?? 0,
  values: Float32Array.from(rows.flatMap((row) => row.map((value) => value / Math.hypot(...row)))),
});
const pairs = (image: readonly (readonly number[])[], text: readonly (readonly number[])[]): PairTable => ({
  image: table(image),
  text: table(text),
});

test("one pair and one distractor at right angles: log(1 + exp(-scale)), over both averages", () => {
  const [a, b] = [
    [1, 0],
    [0, 1],
  ];
  const expected = Math.log1p(Math.exp(-5));
  for (const over of ["concept", "all"] as const)
    expect(matchingLoss(pairs([a ?? []], [a ?? []]), pairs([b ?? []], [b ?? []]), { scale: 5, over })).toBeCloseTo(expected, 12);
});

test("rows and columns both count: half the cross-entropy of each", () => {
  const concept = pairs([[1, 0]], [[1, 0]]);
  const distractors = pairs([[0.6, 0.8]], [[0, 1]]);
  // Row: logits 1, 0. Column: logits 1, 0.6. Distractor's row: 0.6, 0.8; its column: 0, 0.8; target 0.8.
  const lse = (x: number, y: number): number => Math.log(Math.exp(x) + Math.exp(y));
  const own = (lse(1, 0) - 1 + lse(1, 0.6) - 1) / 2;
  const other = (lse(0.6, 0.8) - 0.8 + lse(0, 0.8) - 0.8) / 2;
  expect(matchingLoss(concept, distractors, { scale: 1, over: "concept" })).toBeCloseTo(own, 6);
  expect(matchingLoss(concept, distractors, { scale: 1, over: "all" })).toBeCloseTo((own + other) / 2, 6);
});

test("a concept with noise for captions comes out worst", () => {
  const draws = createRandom(1).at("test/pairs");
  const vectors = (n: number) => Array.from({ length: n }, () => Array.from({ length: 16 }, () => draws.normal()));
  const distractors = pairs(vectors(20), vectors(20));
  const matched = vectors(10);
  const clean = matchingLoss(pairs(matched, matched), distractors, { scale: 20, over: "concept" });
  const noisy = matchingLoss(pairs(matched, vectors(10)), distractors, { scale: 20, over: "concept" });
  expect(clean).toBeLessThan(0.1);
  expect(noisy).toBeGreaterThan(clean + 1);
});

test("names are counted as whole words side by side, whatever the case and the marks", () => {
  const texts = ["A red panda, and a Panda.", "pandas are no panda-bear", "red: panda", "naïve café"];
  expect(nameCounts(["panda", "red panda", "RED_PANDA", "cafe", "café", "?"], texts)).toEqual([4, 2, 2, 0, 1, 0]);
});
