import { expect, test } from "vitest";
import type { ContaminationReport } from "../pipeline/contamination.ts";
import { borderlineIn, countsTable, problemsIn } from "./data-against.ts";

const report: ContaminationReport = {
  tested: 10,
  trained: 20,
  unreadable: [],
  found: [
    { set: "mnist", item: "mnist/3", kind: "near", pool: "digits", sample: "digits/x" },
    { set: "mnist", item: "mnist/4", kind: "near", pool: "digits", sample: "digits/y" },
    { set: "mnist", item: "mnist/4", kind: "bytes", pool: "pool", sample: "pool/z" },
    { set: "coco", item: "coco/1", kind: "caption", pool: "pool", sample: "pool/c" },
  ],
};

test("items are counted by test set, training set and kind", () => {
  const { columns, rows } = countsTable(
    report,
    new Map([
      ["mnist", 6],
      ["coco", 4],
    ]),
  );
  expect(columns.map(({ title }) => title)).toEqual(["test set", "items", "found in", "bytes", "pixels", "near", "caption"]);
  expect(rows).toEqual([
    ["coco", 4, "pool", 0, 0, 0, 1],
    ["mnist", 6, "digits", 0, 0, 2, 0],
    ["mnist", 6, "pool", 1, 0, 0, 0],
  ]);
});

test("each find is a line of the list of problems", () => {
  expect(problemsIn(report)[2]).toEqual({ set: "mnist", problem: "contaminated-bytes", item: "mnist/4", detail: "pool/z of pool" });
});

test("what means the same has a column where it was looked for, and its cosine beside it; borderline pairs are no contamination", () => {
  const similar = { set: "mnist", item: "mnist/5", pool: "digits", sample: "digits/z", similarity: 0.95678 };
  const more: ContaminationReport = { ...report, found: [...report.found, { ...similar, kind: "semantic" }] };
  const { columns, rows } = countsTable(more, new Map([["mnist", 6]]), true);
  expect(columns.map(({ title }) => title)).toEqual(["test set", "items", "found in", "bytes", "pixels", "near", "semantic", "caption"]);
  expect(rows[1]).toEqual(["mnist", 6, "digits", 0, 0, 2, 1, 0]);
  expect(problemsIn(more).at(-1)).toMatchObject({ problem: "contaminated-semantic", detail: "digits/z of digits, cosine 0.9568" });
  expect(borderlineIn([similar])).toEqual([
    { set: "mnist", problem: "borderline-semantic", item: "mnist/5", detail: "digits/z of digits, cosine 0.9568" },
  ]);
});
