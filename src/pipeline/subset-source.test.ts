import { expect, test } from "vitest";
import type { DataSource, SampleRecord } from "../data/source.ts";
import { createRandom } from "../util/random.ts";
import { subsetSource } from "./subset-source.ts";

function source(task: DataSource["task"], items: number, classes: number): DataSource {
  const records = Array.from(
    { length: items },
    (_, i): SampleRecord => ({
      id: `s/${String(i).padStart(5, "0")}`,
      captions: ["a"],
      split: "test",
      image: { kind: "file", path: "x" },
      ...(task === "classification" ? { className: `c${i % classes}` } : {}),
    }),
  );
  return {
    name: "s",
    task,
    role: "eval",
    fingerprint: "f",
    classNames: Array.from({ length: classes }, (_, c) => `c${c}`),
    templates: [],
    licences: [],
    records: (split) => (split === "test" ? records : []),
    concepts: () => [],
  };
}

test("a large set gives its fraction, evenly over classes, in order, the same each time", () => {
  const whole = source("classification", 10_000, 10);
  const part = subsetSource(whole, createRandom(1), 0.1);
  const records = part.records("test");
  expect(records).toHaveLength(1000);
  for (const name of whole.classNames) expect(records.filter(({ className }) => className === name)).toHaveLength(100);
  expect(records.map(({ id }) => id)).toEqual([...records.map(({ id }) => id)].sort());
  expect(subsetSource(whole, createRandom(1), 0.1).records("test")).toEqual(records);
  expect(subsetSource(whole, createRandom(2), 0.1).records("test")).not.toEqual(records);
  expect(part.fingerprint).not.toBe(whole.fingerprint);
  expect(part.records("train")).toEqual([]);
});

test("small sets, and retrieval, whose images are classes of their own, stay whole", () => {
  for (const whole of [source("classification", 200, 10), source("retrieval", 5000, 0)])
    expect(subsetSource(whole, createRandom(1), 0.1)).toBe(whole);
});
