import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { bareSource, pairRecords } from "../../test/fixtures/data/bare-source.ts";
import { itemsPath, packItems } from "../runs/items.ts";
import { pairedChange, type StoredEvaluation } from "./paired-change.ts";

const folder = mkdtempSync(join(tmpdir(), "paired-"));
mkdirSync(join(folder, "eval", "items"), { recursive: true });
afterAll(() => rmSync(folder, { recursive: true }));

const sources = [bareSource("classes", "classification", []), bareSource("pairs", "retrieval", pairRecords)];

/** An evaluation whose outcomes are stored as a run stores them. */
function evaluation(task: number, outcomes: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>): StoredEvaluation {
  const cells = Object.entries(outcomes).map(([set, metrics]) => {
    const measurements = Object.entries(metrics).map(([metric, flags]) => {
      const items = itemsPath({ task, state: "live", source: set, metric });
      writeFileSync(join(folder, items), packItems(flags));
      return { metric, value: 0, unit: "share" as const, samples: flags.length, items };
    });
    const [headline] = measurements;
    if (!headline) throw new Error("no metric");
    return [set, { headline, measurements }] as const;
  });
  return { folder, row: { task, step: 0, state: "live", cells: Object.fromEntries(cells) } };
}

describe("paired change", () => {
  const half = Array.from({ length: 200 }, (_, i) => i % 2);
  const better = half.map((flag, i) => (i % 20 === 0 ? 1 : flag));
  const retrieval = (images: readonly number[], captions: readonly number[]) => ({
    "image_retrieval_recall@5": captions,
    "text_retrieval_recall@5": images,
  });
  const pair = {
    seed: 0,
    sources,
    before: evaluation(-1, { classes: { acc1: half }, pairs: retrieval([0, 1], [1, 0, 0, 1]) }),
    after: evaluation(0, { classes: { acc1: better }, pairs: retrieval([1, 1], [1, 1, 0, 1]) }),
  };
  test("ten of two hundred more are right: 5 points, and the pairing excludes zero where two intervals of the same items would overlap", () => {
    const { value, interval } = pairedChange(pair, ["classes"]) ?? {};
    expect(value).toBeCloseTo(0.05, 12);
    expect(interval?.[0]).toBeGreaterThan(0.01);
    expect(interval?.[1]).toBeLessThan(0.09);
  });
  test("retrieval is the mean of both ways, each caption counted with its image", () => {
    // Images: 1/2 → 2/2; captions: 2/4 → 3/4.
    expect(pairedChange(pair, ["pairs"])?.value).toBeCloseTo((0.5 + 0.25) / 2, 12);
  });
  test("nothing changed is a change of exactly nothing", () => {
    expect(pairedChange({ ...pair, after: pair.before }, ["classes", "pairs"])).toEqual({ value: 0, interval: [0, 0] });
  });
  test("is unknown when a set's outcomes or data are missing", () => {
    expect(pairedChange(pair, ["classes", "absent"])).toBeUndefined();
    expect(pairedChange({ ...pair, sources: [] }, ["classes"])).toBeUndefined();
    expect(pairedChange(pair, [])).toBeUndefined();
  });
});
