import { expect, test } from "vitest";
import type { DataSource, SampleRecord } from "../data/source.ts";
import { setsOfRun } from "./evaluate.ts";

const record = { id: "a/0", captions: ["a"], split: "train", image: { kind: "file", path: "a" } } as const satisfies SampleRecord;
function set(name: string, task: DataSource["task"], train: number): DataSource {
  const about = { name, task, role: "eval", fingerprint: name, classNames: [], templates: [], licences: [] } as const;
  return { ...about, records: (split) => (split === "train" ? Array.from({ length: train }, () => record) : [record]), concepts: () => [] };
}
const given = [set("captions", "retrieval", 3), set("fitted", "classification", 3), set("bare", "classification", 0)];
const found = async (...wanted: Parameters<typeof setsOfRun>[2][]) =>
  (await setsOfRun(given, new Set(["fitted"]), wanted[0])).map(({ source, name, role }) => [source.name, name, role]);

test("sets of a run are scored by their usual evaluator, in the order given; what is streamed counts as adapted", async () => {
  expect(await found()).toEqual([
    ["captions", "retrieval", "eval"],
    ["fitted", "zero-shot", "adapt"],
    ["bare", "zero-shot", "eval"],
  ]);
});

test("an evaluator that the run names takes the sets it can score, the others keep theirs", async () => {
  expect(await found({ name: "linear-probe" })).toEqual([
    ["captions", "retrieval", "eval"],
    ["fitted", "linear-probe", "adapt"],
    ["bare", "zero-shot", "eval"],
  ]);
  await expect(found({ name: "linear-prob" })).rejects.toThrow(
    /unknown evaluator "linear-prob"; known: linear-probe, retrieval, zero-shot/,
  );
});
