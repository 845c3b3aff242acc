import { describe, expect, test } from "vitest";
import type { Concept, DataSource, SampleRecord } from "../data/source.ts";
import { cutIntoTasks } from "./stream.ts";
import { summaryOf, testSplits } from "./test-splits.ts";

/** A set with three test pictures of each class; without classes, three pictures in all. */
function setOf(name: string, classes: readonly string[], role: "adapt" | "eval" = "adapt"): DataSource {
  const records = (classes.length > 0 ? classes : [undefined]).flatMap((className) =>
    [0, 1, 2].map(
      (i): SampleRecord => ({
        id: `${name}/${className ?? "x"}-${i}`,
        ...(className === undefined ? {} : { className }),
        captions: [""],
        split: "test",
        image: { kind: "file", path: "x" },
      }),
    ),
  );
  const ids = classes.length > 0 ? classes : ["all"];
  const concepts = ids.map((of): Concept => ({ id: `${name}/${of}`, dataset: name, name: of, samples: ["s"], stats: {} }));
  return {
    name,
    task: "classification",
    role,
    fingerprint: "",
    classNames: classes,
    templates: [],
    licences: [],
    records: (split) => (split === "test" ? records : []),
    concepts: () => concepts,
  };
}
const a = setOf("a", ["1", "2", "3"]);
const b = setOf("b", ["1"]);
const captions = setOf("c", []);
const concepts = (set: DataSource): readonly Concept[] => set.concepts();

describe("test splits", () => {
  test("are of a task's own concepts in the order of its training pool, and of the sets held out", () => {
    const [a1, a2] = concepts(a);
    const [b1] = concepts(b);
    const [all] = concepts(captions);
    const stream = cutIntoTasks(
      [b1, a2, a1, all].flatMap((concept) => concept ?? []),
      2,
    );
    const splits = testSplits(stream, [a, b, captions], [setOf("z", ["1"], "eval")]);
    expect(splits.dynamic).toEqual([
      ["b/1-0", "b/1-1", "b/1-2", "a/2-0", "a/2-1", "a/2-2"],
      ["a/1-0", "a/1-1", "a/1-2", "c/x-0", "c/x-1", "c/x-2"],
    ]);
    // The class "3" is tested elsewhere, but never streamed.
    expect(splits.static).toEqual(["z/1-0", "z/1-1", "z/1-2"]);
  });
  test("are disjoint, and together every test sample of what is streamed", () => {
    const all = [...concepts(a), ...concepts(b)];
    for (const tasks of [1, 2, 4]) {
      const { dynamic } = testSplits(cutIntoTasks(all, tasks), [a, b], []);
      expect(dynamic).toHaveLength(tasks);
      expect(dynamic.flat()).toHaveLength(12);
      expect(new Set(dynamic.flat())).toEqual(new Set([a, b].flatMap((set) => set.records("test").map(({ id }) => id))));
    }
  });
  test("have digests that tell their samples and their order", () => {
    const of = (tasks: number) => summaryOf(testSplits(cutIntoTasks(concepts(a), tasks), [a], [b]));
    expect(of(3).dynamic.map(({ samples }) => samples)).toEqual([3, 3, 3]);
    expect(new Set(of(3).dynamic.map(({ digest }) => digest)).size).toBe(3);
    expect(of(2).static).toEqual(of(3).static);
  });
});
