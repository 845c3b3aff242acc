import { expect, test } from "vitest";
import type { Concept, DataSource, SampleRecord } from "../data/source.ts";
import { createRandom } from "../util/random.ts";
import { validationData, validationSource } from "./validation-source.ts";

const sizes = { apple: 10, bear: 5, cat: 2, dog: 1, unlisted: 10 };

/** A set whose test split must not be asked for. */
function source(name = "s", task: DataSource["task"] = "classification"): DataSource {
  const train = Object.entries(sizes).flatMap(([className, count]) =>
    Array.from(
      { length: count },
      (_, i): SampleRecord => ({
        id: `${name}/${className}-${i}`,
        className,
        captions: [`${className} number ${i}`, `${i}`],
        split: "train",
        image: { kind: "file", path: `${className}-${i}.png` },
      }),
    ),
  );
  const concepts = Object.keys(sizes).map(
    (concept): Concept => ({
      id: `${name}/${concept}`,
      dataset: name,
      name: concept,
      samples: train.filter(({ className }) => className === concept).map(({ id }) => id),
      stats: {},
    }),
  );
  return {
    ...{
      name,
      task,
      role: "adapt",
      fingerprint: `f-${name}`,
      templates: [],
      licences: [],
      classNames: ["apple", "bear", "cat", "dog", "never"],
    },
    records: (split) => {
      if (split === "test") throw new Error("the test split was opened");
      return train;
    },
    concepts: () => concepts,
  };
}
const ids = (records: readonly SampleRecord[]): string[] => records.map(({ id }) => id);

test("training and validation share no sample and leave none out; a sample stays whole; the test split is never opened", () => {
  const [whole, view] = [source(), validationSource(source(), createRandom(0))];
  const [train, test] = [view.records("train"), view.records("test")];
  expect([...ids(train), ...ids(test)].sort()).toEqual(ids(whole.records("train")).sort());
  const known = new Map(whole.records("train").map((record) => [record.id, record]));
  for (const record of test) expect(record).toEqual({ ...known.get(record.id), split: "test" });
  for (const record of train) expect(record).toEqual(known.get(record.id));
});

test("a fifth of each class is held back; none of a single sample, none of a class that is not scored", () => {
  const test = validationSource(source(), createRandom(0)).records("test");
  const counts = Object.keys(sizes).map((name) => test.filter(({ className }) => className === name).length);
  expect(counts).toEqual([2, 1, 1, 0, 0]);
  expect(validationSource(source("s", "retrieval"), createRandom(0)).records("test").length).toBe(2 + 1 + 1 + 2);
});

test("concepts keep their order and hold training samples alone", () => {
  const view = validationSource(source(), createRandom(0));
  expect(view.concepts().map(({ name }) => name)).toEqual(Object.keys(sizes));
  expect(view.concepts().flatMap(({ samples }) => samples)).toEqual(ids(view.records("train")));
});

test("the split and the fingerprint are the seed's; never the test split's fingerprint", () => {
  const of = (seed: number): DataSource => validationSource(source(), createRandom(seed));
  expect(ids(of(3).records("test"))).toEqual(ids(of(3).records("test")));
  const tested = [0, 1, 2, 3, 4].map((seed) => ids(of(seed).records("test")).join());
  expect(new Set(tested).size).toBe(5);
  expect(new Set(["f-s", of(0).fingerprint, of(1).fingerprint]).size).toBe(3);
});

test("a set that is streamed and evaluated is one view, and what has nothing to hold back is named", () => {
  const { records: _, ...rest } = source("tested-only");
  const a = source("a");
  const evaluated = [a, { ...rest, records: () => [] }];
  const found = validationData({ streamed: [a], evaluated, leftOut: ["none"], more: 1 }, createRandom(0));
  expect([found.evaluated.map(({ name }) => name), found.leftOut, found.more]).toEqual([["a"], ["none", "tested-only"], 1]);
  expect(found.evaluated[0]).toBe(found.streamed[0]);
});

test("what is not here is split by its counts: concept by concept, or a fifth of what has no concepts", () => {
  const known = { test: 7, missing: ["x"], obtain: "y" };
  const nameless = { ...source(), concepts: () => [], unopened: { train: 1003, ...known } };
  expect(validationSource(nameless, createRandom(0)).unopened).toEqual({ ...known, train: 803, test: 200 });
  // 10, 5, 2, 1 and 10 samples.
  const view = validationSource({ ...source(), unopened: { train: 28, ...known } }, createRandom(0));
  expect(view.unopened).toEqual({ ...known, train: 22, test: 6 });
  expect(view.concepts().map(({ samples }) => samples.length)).toEqual([8, 4, 1, 1, 8]);
});
