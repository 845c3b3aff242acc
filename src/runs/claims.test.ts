import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { ConfigError } from "../util/config-problem.ts";
import { cellOf, readSweep } from "./sweep.ts";

const folder = mkdtempSync(join(tmpdir(), "claims-"));
afterAll(() => rmSync(folder, { recursive: true }));
const head = [
  "name: methods",
  'run: ["preset:fomo-mini"]',
  "results: ./results",
  "variants: {full-ft: {}, merged: {}, lora: {}}",
  "grid: {weight: [0.5, 0.9], seed: [0, 1, 2]}",
  "claims:",
];
/** Claims begin in line 7. */
function read(...lines: readonly string[]) {
  const file = join(folder, "sweep.yaml");
  writeFileSync(file, `${[...head, ...lines].join("\n")}\n`);
  return readSweep(file);
}
function problemsOf(...lines: readonly string[]): readonly string[] {
  try {
    read(...lines);
  } catch (error) {
    return (error as ConfigError).problems.map(
      ({ place, path, message, fix }) => `${place.line}:${place.column} ${path}: ${message}${fix ? `; ${fix}` : ""}`,
    );
  }
  return [];
}
const needs = (test: string): readonly string[] => problemsOf("  H1: {says: so, needs: ", `    ${test}}`);

describe("claims", () => {
  test("are read as tests over cells, points as shares, what is not said as it is meant", () => {
    const { claims, scale } = read(
      "  H1:",
      "    says: plain fine-tuning learns most",
      "    source: figure 6",
      "    needs:",
      '      - {metric: ka, of: "full-ft, 0.5", above: ["merged, 0.5", "lora, 0.5"], by: 2}',
      '      - {metric: zs, of: ["full-ft, 0.5"], below: start, at: peak, any: true}',
      "  H2:",
      "    says: alike",
      '    needs: {metric: distance, oracle: "lora, 0.9", of: "merged, 0.9", near: "merged, 0.5", within: 1.5}',
      "    note: borrowed",
      "  H3:",
      "    says: weights matter more",
      '    needs: {spread: gm, over: ["merged, 0.5", "merged, 0.9"], above: spread, with: ["lora, 0.5", "lora, 0.9"], at: 2}',
    );
    const pairs = { at: "end", any: false };
    expect(scale).toBe("small");
    expect(claims).toEqual([
      {
        id: "H1",
        says: "plain fine-tuning learns most",
        source: "figure 6",
        needs: [
          { kind: "difference", metric: "ka", side: "above", by: 0.02, of: ["full-ft, 0.5"], than: ["merged, 0.5", "lora, 0.5"], ...pairs },
          { kind: "difference", metric: "zs", side: "below", by: 0, of: ["full-ft, 0.5"], than: "start", at: "peak", any: true },
        ],
      },
      {
        id: "H2",
        says: "alike",
        note: "borrowed",
        needs: [
          { kind: "near", metric: "distance", oracle: "lora, 0.9", within: 0.015, of: ["merged, 0.9"], than: ["merged, 0.5"], ...pairs },
        ],
      },
      {
        id: "H3",
        says: "weights matter more",
        needs: [
          {
            kind: "spread",
            metric: "gm",
            side: "above",
            by: 0,
            over: ["merged, 0.5", "merged, 0.9"],
            with: ["lora, 0.5", "lora, 0.9"],
            at: 2,
          },
        ],
      },
    ]);
  });
  test("a sweep without claims has none; one of one cell calls it all", () => {
    expect(read("  {}").claims).toEqual([]);
    expect(cellOf({ seed: "0" })).toBe("all");
    expect(cellOf({ variant: "a", seed: "0", "optim.lr": "0.1" })).toBe("a, 0.1");
  });
});

describe("what is wrong is told with its place", () => {
  test("unknown cells, and the one that was meant", () => {
    expect(needs('{metric: ka, of: "full-ft, 0.5", above: ["merged, 0.5", "loar, 0.5"]}')).toEqual([
      '8:61 claims.H1.needs.above[1]: no cell is called "loar, 0.5"; did you mean: lora, 0.5',
    ]);
    expect(needs("{spread: ka, over: start, above: spread, with: 0.5}")).toEqual([
      '8:24 claims.H1.needs.over: no cell is called "start"; one of: full-ft, 0.5, full-ft, 0.9, merged, 0.5, merged, 0.9, lora, 0.5, lora, 0.9',
      '8:52 claims.H1.needs.with: no cell is called "0.5"; one of: full-ft, 0.5, full-ft, 0.9, merged, 0.5, merged, 0.9, lora, 0.5, lora, 0.9',
    ]);
  });
  const a = '"lora, 0.5"';
  test.each([
    [`{of: ${a}, above: start}`, /expected one of metric and spread/],
    [`{metric: ka, spread: ka, over: ${a}, above: spread, with: ${a}}`, /expected one of metric and spread/],
    ["{metric: ka, above: start}", /of is missing; name cells with of/],
    [`{metric: ka, of: ${a}}`, /expected one of above, below and near, got 0/],
    [`{metric: ka, of: ${a}, above: start, below: start}`, /got 2/],
    [`{metric: ka, of: ${a}, near: start}`, /within is missing/],
    [`{metric: ka, of: ${a}, near: start, within: 1, by: 2}`, /needs\.by: has no effect with near; say within/],
    [`{metric: ka, of: ${a}, above: start, within: 1}`, /needs\.within: has no effect without near; say by/],
    [`{metric: ka, of: ${a}, above: start, with: ${a}}`, /needs\.with: has no effect with metric/],
    [`{spread: ka, over: ${a}, above: ${a}, with: ${a}}`, /needs\.above: expected spread; say above: spread/],
    [`{spread: ka, over: ${a}, above: spread, with: ${a}, any: true}`, /needs\.any: has no effect with spread/],
    [`{spread: ka, over: ${a}, above: spread}`, /with is missing/],
    [`{metric: distance, of: ${a}, above: start}`, /oracle is missing/],
    [`{metric: distance, oracle: ${a}, of: ${a}, above: start, at: peak}`, /needs\.at: a distance is told of the end alone/],
    [`{metric: zs, oracle: ${a}, of: ${a}, above: start}`, /needs\.oracle: has no effect without metric: distance/],
    [`{metric: ka, of: ${a}, above: start, at: last}`, /needs\.at: expected first, end, peak, lowest, or after how many tasks, got "last"/],
    [`{metric: ZS, of: ${a}, above: start}`, /needs\.metric: no metric is called "ZS"; did you mean "zs"\?/],
    [`{spread: distance, over: ${a}, above: spread, with: ${a}}`, /needs\.spread: a distance has no spread/],
    [`{metric: ka, of: ${a}, abvoe: start}`, /needs\.abvoe: unknown key.*did you mean "above"/],
  ])("%s", (text, expected) => {
    const problems = needs(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(expected);
    expect(problems[0]).toMatch(/^8:\d+ claims\.H1\.needs/);
  });
  test("a claim says something and needs something; a cell has no name that means something else", () => {
    expect(problemsOf("  H1: {says: so}")).toEqual([expect.stringMatching(/^7:7 claims\.H1\.needs: missing; expected a test/)]);
    const file = join(folder, "start.yaml");
    const lines = [
      "name: a",
      "run: [b]",
      "results: c",
      "variants: {start: {}}",
      "claims:",
      "  H1: {says: so, needs: {metric: ka, of: start, above: start}}",
    ];
    writeFileSync(file, lines.join("\n"));
    expect(() => readSweep(file)).toThrow("claims: a cell is called start, which means something else here");
  });
});
