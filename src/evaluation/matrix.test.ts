import { describe, expect, test } from "vitest";
import { partsOfMatrix, type ScoreMatrix, transferOf } from "./matrix.ts";

const full: ScoreMatrix = {
  units: [0, 1, 2].map((task) => ({ name: `task ${task}`, learnedAt: task })),
  before: [10, 12, 8],
  after: [
    [50, 20, 10],
    [40, 60, 15],
    [35, 55, 70],
  ],
};

describe("transfer", () => {
  test("the hand-worked matrix of three tasks (evaluation.g6)", () => {
    const got = transferOf(full);
    expect(got).toMatchObject({ backward: -10, forward: 7.5, forgetting: 10, mtilTransfer: 16.25 });
    expect(got.mtilAverage).toBeCloseTo(39.444444, 6);
    expect(got.mtilLast).toBeCloseTo(53.333333, 6);
    expect(got.retention).toBeUndefined();
  });
  test("parts of the square are its diagonal, lower and upper triangle", () => {
    expect(partsOfMatrix(full)).toEqual({ inDomain: 60, backward: (40 + 35 + 55) / 3, forward: 15 });
  });
  test("missing entries take part in no mean", () => {
    const holes: ScoreMatrix = { ...full, after: [[50, undefined, 10], [], [35, 55, undefined]] };
    expect(transferOf(holes)).toMatchObject({
      backward: -15,
      forward: undefined,
      forgetting: (15 + 0) / 2,
      mtilTransfer: 10,
      mtilLast: 45,
    });
    expect(transferOf({ units: full.units, before: [], after: [] })).toEqual({
      backward: undefined,
      forward: undefined,
      forgetting: undefined,
      retention: undefined,
      mtilTransfer: undefined,
      mtilAverage: undefined,
      mtilLast: undefined,
    });
  });
  test("retention is the mean ratio over units that are never trained", () => {
    const held: ScoreMatrix = {
      units: [...full.units, { name: "x" }, { name: "y" }, { name: "z" }],
      before: [10, 12, 8, 80, 50, 0],
      after: full.after.map((row, t) => [...row, [70, 60, 40][t], [50, 50, 55][t], 3]),
    };
    expect(transferOf(held).retention).toBeCloseTo((0.5 + 1.1) / 2, 12);
    expect(transferOf(held).backward).toBe(-10);
  });
  test("another baseline may be given", () => {
    expect(transferOf(full, [0, 0, 0]).forward).toBe(17.5);
  });
});
