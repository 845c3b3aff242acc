import { expect, test } from "vitest";
import { claimsMarkdown, claimsTable, type JudgedClaim, type JudgedPair, verdictText } from "./claims-table.ts";
import { markdownTable } from "./table.ts";

const won: JudgedPair = { asks: "KA: x − y, above 0", verdict: "confirmed", value: 0.1, interval: [0.05, 0.16], over: "items and seeds" };
const open: JudgedPair = {
  asks: "KA: x − z, above 0",
  verdict: "undecided",
  value: 0,
  interval: [-0.01, 0.01],
  over: "seeds",
  unequalItems: true,
};
const gone: JudgedPair = { asks: "KA: x − w, above 0", verdict: "missing", missing: ["x", "w"] };
const claim = (verdict: JudgedClaim["verdict"], pairs: readonly JudgedPair[]): JudgedClaim => ({
  id: "H1",
  says: "x learns most",
  verdict,
  scale: "small",
  tests: [{ verdict, pairs }],
});

test("a verdict says how far it reaches, or what it lacks", () => {
  expect(verdictText(claim("confirmed", [won]))).toBe("confirmed at small scale");
  expect(verdictText({ ...claim("refuted", [won]), scale: "full" })).toBe("refuted at full scale");
  expect(verdictText(claim("missing", [won, gone]))).toBe("missing: x, w");
  expect(verdictText(claim("missing", [gone, { ...gone, missing: ["x", "v"] }]))).toBe("missing: x, w, v");
  expect(verdictText(claim("undecided", [won, open]))).toBe("undecided");
  const few: JudgedPair = { asks: "a", verdict: "undecided", reason: "2 of 3 seeds" };
  expect(verdictText(claim("undecided", [few, few, won]))).toBe("undecided: 2 of 3 seeds");
});

test("one pair stands in the claim's line, several below it", () => {
  expect(claimsTable([claim("confirmed", [won])]).rows).toEqual([
    ["H1", "x learns most", "confirmed at small scale", "+10.0 (+5.0 to +16.0)"],
  ]);
  expect(claimsTable([claim("missing", [won, open, gone])]).rows).toEqual([
    ["H1", "x learns most", "missing: x, w", "1 of 3 hold"],
    ["", "KA: x − y, above 0", "confirmed", "+10.0 (+5.0 to +16.0)"],
    ["", "KA: x − z, above 0", "undecided", "0.0 (−1.0 to +1.0), over seeds alone, unequal items"],
    ["", "KA: x − w, above 0", "missing: x, w", undefined],
  ]);
});

test("a page has the table, then sources and notes; nothing without claims", () => {
  const told = { ...claim("confirmed", [won]), source: "figure 6", note: "one suite" };
  const [title, reading, table, facts] = claimsMarkdown([told]);
  expect([title, facts]).toEqual(["## Claims", "- H1: figure 6; one suite"]);
  expect(reading).toMatch(/95 % intervals/);
  expect(table).toBe(markdownTable(claimsTable([told])));
  expect(claimsMarkdown([])).toEqual([]);
});
