import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { textTable } from "../report/table.ts";
import { coloursOf, cut, fitTable, formatAge, formatShare, localTime, widthOf } from "./output.ts";
import { foldTable } from "./run-matrix.ts";

describe("width and colour", () => {
  test("COLUMNS goes before the terminal, the terminal before the default", () => {
    expect([widthOf({ columns: 90 }, 80, { COLUMNS: "50" }), widthOf({ columns: 90 }, 80, {}), widthOf({}, 80, { COLUMNS: "x" })]).toEqual([
      50, 90, 80,
    ]);
  });
  test("colours are for terminals alone, unless told otherwise", () => {
    const isColoured = (tty: boolean, env: Record<string, string>, ...argv: string[]): boolean =>
      coloursOf({ isTTY: tty }, env, argv).red("x") !== "x";
    expect([
      isColoured(true, {}),
      isColoured(false, {}),
      isColoured(false, { CI: "1" }),
      isColoured(true, { NO_COLOR: "1" }),
      isColoured(true, { TERM: "dumb" }),
      isColoured(true, {}, "--no-color"),
      isColoured(false, { FORCE_COLOR: "1" }),
    ]).toEqual([true, false, false, false, false, false, true]);
  });
});

describe("tables", () => {
  test("a line is never wider than the terminal where text can give way, and numbers stay whole", () => {
    const cell = fc.string({ unit: "grapheme", maxLength: 40 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, fc.integer()), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 40, max: 100 }),
        (rows, width) => {
          const table = fitTable({ columns: [{ title: "a" }, { title: "b" }, { title: "n", align: "right" }], rows }, width);
          const widest = Math.max(
            ...textTable(table)
              .split("\n")
              .map((line) => stringWidth(line)),
          );
          expect(widest).toBeLessThanOrEqual(width);
          expect(table.rows.map((row) => row[2])).toEqual(rows.map((row) => row[2]));
        },
      ),
    );
  });
  test("what fits is left as it is; what does not ends in an ellipsis", () => {
    expect([cut("short", 5), cut("図形の名前", 5), cut("abcdef", 4)]).toEqual(["short", "図形…", "abc…"]);
  });
  test("a wide table is told in pieces that repeat the names and lose no column", () => {
    const table = {
      columns: ["set", "1111", "2222", "3333"].map((title) => ({ title })),
      rows: [["emoji", "a", "b", "c"]],
    };
    expect(foldTable(table, 1, 18).map(({ rows }) => rows)).toEqual([[["emoji", "a", "b"]], [["emoji", "c"]]]);
    expect(foldTable(table, 1, Number.POSITIVE_INFINITY)).toEqual([table]);
    expect(foldTable({ columns: table.columns.slice(0, 1), rows: [["emoji"]] }, 1, 80)).toHaveLength(1);
  });
});

test("numbers are told with their spread, ages in one unit, times with their offset", () => {
  expect(formatShare({ value: 0.6134, interval: [0.61, 0.62] }, true)).toBe("61.3 ± 0.5");
  expect([formatShare({ value: 0.5 }, true), formatShare(undefined, true)]).toEqual(["50.0", undefined]);
  expect([59e3, 61e3, 7.2e6, 3 * 864e5, -5].map(formatAge)).toEqual(["59s", "1m", "2h", "3d", "0s"]);
  const told = localTime(1_700_000_000_123);
  expect(Date.parse(told.replace(" ", "T").replace(" ", ""))).toBe(1_700_000_000_000);
});
