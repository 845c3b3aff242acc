import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { bareSource, pairRecords } from "../../test/fixtures/data/bare-source.ts";
import { unpackHits } from "../evaluation/trial-outcomes.ts";
import type { Scores } from "../runs/event.ts";
import { itemsPath, packItems } from "../runs/items.ts";
import type { EvaluationView } from "../runs/view.ts";
import { keptOutcomes } from "./keep-outcomes.ts";

const folder = mkdtempSync(join(tmpdir(), "keep-"));
mkdirSync(join(folder, "eval", "items"), { recursive: true });
afterAll(() => rmSync(folder, { recursive: true }));

const data = [
  bareSource("classes", "classification", []),
  bareSource("odd", "classification", []),
  bareSource("pairs", "retrieval", pairRecords),
];
const place = { folder, planned: data, data };
const scores: Scores = { kaSets: ["classes", "odd"], zsSets: ["pairs"] };

function row(
  task: number,
  sets: Readonly<Record<string, readonly [value: number, outcomes: Readonly<Record<string, readonly number[]>>]>>,
) {
  const cells = Object.entries(sets).map(([set, [value, outcomes]]) => {
    const measurements = Object.entries(outcomes).map(([metric, flags]) => {
      const items = itemsPath({ task, state: "live", source: set, metric });
      writeFileSync(join(folder, items), packItems(flags));
      return { metric, value: 0, unit: "share" as const, samples: flags.length, items };
    });
    return [set, { headline: { metric: "m", value, unit: "share" as const, samples: 2 }, measurements }] as const;
  });
  return { task, step: 10 * (task + 1), state: "live", cells: Object.fromEntries(cells), scores } satisfies EvaluationView;
}

const pairs = (images: readonly number[], captions: readonly number[]) => ({
  "image_retrieval_recall@5": captions,
  "text_retrieval_recall@5": images,
});

test("the ends keep every item's outcome, an image's captions with it; what is counted otherwise is told of and not kept", () => {
  const rows = [
    row(-1, { classes: [0.25, { acc1: [0, 0, 0, 1] }], pairs: [(1 / 2 + 2 / 4) / 2, pairs([0, 1], [1, 0, 0, 1])] }),
    row(0, { classes: [1, { acc1: [1, 1, 1, 1] }] }),
    row(1, { classes: [0.5, { acc1: [1, 0, 0, 1] }], odd: [0.9, { acc1: [1, 0] }], pairs: [(1 + 3 / 4) / 2, pairs([1, 1], [1, 1, 0, 1])] }),
  ];
  const kept = keptOutcomes(rows, place);
  expect(kept?.sets).toEqual({
    classes: { part: "ka", digest: expect.stringMatching(/^[0-9a-f]{8}$/), items: 4 },
    odd: { part: "ka", digest: expect.any(String), items: 2 },
    pairs: { part: "zs", digest: expect.any(String), items: 2, trials: [1, [3, 1]] },
  });
  expect([Object.keys(kept?.first ?? {}), Object.keys(kept?.last ?? {})]).toEqual([
    ["classes", "pairs"],
    ["classes", "pairs"],
  ]);
  const about = kept?.sets.pairs;
  expect(about && unpackHits("pairs", about, kept.last.pairs ?? "")?.directions.map(({ hits }) => [...Array.from(hits)])).toEqual([
    [1, 1],
    [2, 1],
  ]);
  expect(about && unpackHits("pairs", about, kept.first?.pairs ?? "")?.directions.map(({ hits }) => [...Array.from(hits)])).toEqual([
    [0, 1],
    [1, 1],
  ]);
});

test("other data or another metric have another digest; a run that was not scored keeps nothing", () => {
  const rows = [row(0, { classes: [1, { acc1: [1, 1] }] })];
  const digest = (fingerprint: string) =>
    keptOutcomes(rows, { ...place, planned: [{ name: "classes", fingerprint }] })?.sets.classes?.digest;
  expect(digest("one")).not.toBe(digest("two"));
  expect(digest("one")).toBe(digest("one"));
  expect(keptOutcomes([], place)).toBeUndefined();
});
