import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { againstTradeOff } from "./plane.ts";
import { escapeMarkdown, markdownTable, percent, type Table, textTable, tsvTable } from "./table.ts";

const table: Table = {
  columns: [{ title: "set" }, { title: "acc1", align: "right" }, { title: "note" }],
  rows: [
    ["emoji", percent(0.5), "ok"],
    ["図形", percent(undefined), "not streamed"],
  ],
};

describe("tables", () => {
  test("text is aligned by the width on screen, absent numbers are dashes", () => {
    expect(textTable(table)).toBe(["set    acc1  note", "emoji  50.0  ok", "図形      –  not streamed"].join("\n"));
  });
  test("markdown says which columns hold numbers", () => {
    expect(markdownTable(table).split("\n").slice(0, 3)).toEqual(["| set | acc1 | note |", "|---|--:|---|", "| emoji | 50.0 | ok |"]);
  });
  test("TSV leaves absent numbers empty", () => {
    expect(tsvTable(table)).toBe("set\tacc1\tnote\nemoji\t50.0\tok\n図形\t\tnot streamed");
  });
  test("no cell can break a table, move the cursor or become markup", () => {
    const wild = fc.string({
      unit: fc.constantFrom("a", "|", "\n", "\t", "\x1b", "[31m", "<script>", "`", "*", "\u202e", "\r", "&", "é", "🎈"),
    });
    fc.assert(
      fc.property(fc.array(wild, { minLength: 2, maxLength: 2 }), wild, (cells, title) => {
        const made: Table = { columns: [{ title }, { title: "b", align: "right" }], rows: [cells] };
        const text = textTable(made);
        expect(text).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
        expect(text.split("\n").length).toBe(2);
        expect(
          tsvTable(made)
            .split("\n")
            .map((line) => line.split("\t").length),
        ).toEqual([2, 2]);
        for (const line of markdownTable(made).split("\n")) {
          expect(line.replaceAll(/\\./g, "").split("|").length).toBe(4);
          expect(line).not.toMatch(/[<>]|(?<!\\)[`*]/);
        }
      }),
    );
  });
});

describe("trade-off line", () => {
  const line = { start: { zeroShot: 68, knowledge: 40 }, oracle: { zeroShot: 65, knowledge: 56 } };
  test.each([
    [68, 40, 0, 0],
    [65, 56, 0, 1],
    [66.5, 48, 0, 0.5],
    [68, 48, 1.474308, 0.483019],
    [64, 50, -2.088603, 0.649057],
  ])("(%f, %f) lies %f beyond it and %f along it", (zeroShot, knowledge, distance, progress) => {
    const got = againstTradeOff({ zeroShot, knowledge }, line);
    expect(Math.abs((got?.distance ?? Number.NaN) - distance)).toBeLessThanOrEqual(5e-7);
    expect(Math.abs((got?.progress ?? Number.NaN) - progress)).toBeLessThanOrEqual(5e-7);
  });
  test("does not exist when start and oracle coincide", () => {
    expect(againstTradeOff(line.start, { start: line.start, oracle: line.start })).toBeUndefined();
  });
});

test("Markdown is spared marks that mean nothing where they stand, and a text stays a text at a line's start", () => {
  expect(escapeMarkdown("+9.4 (+5.8 to +12.8) !")).toBe("+9.4 (+5.8 to +12.8) !");
  expect(escapeMarkdown("31.2 ± 1.7")).toBe("31.2 ± 1.7");
  expect(["# a", "## a", "- a", "+ a", "1. a", "12) a"].map(escapeMarkdown)).toEqual([
    "\\# a",
    "\\## a",
    "\\- a",
    "\\+ a",
    "1\\. a",
    "12\\) a",
  ]);
});
