import { expect, test } from "vitest";
import type { Concept } from "../data/source.ts";
import { formatManifest, looksLikeManifest, manifestOf, parseManifest, tasksOf } from "./manifest.ts";
import { differenceOf, outlineOf, summaries } from "./outline.ts";

const concept = (id: string, samples: number, year?: number): Concept => ({
  id,
  dataset: id.slice(0, 1),
  name: id.slice(2),
  samples: Array.from({ length: samples }, (_, i) => `${id}/${i}`),
  stats: year === undefined ? {} : { year },
});
const [a, b, c] = [concept("a/1", 3, 2001), concept("b/1", 1, 2003), concept("a/2", 2)];
const origins = [{ from: "./data", sets: [{ name: "a", fingerprint: "f" }] }];
const build = (tasks: readonly (readonly Concept[])[]) =>
  manifestOf({ tasks: tasks.map((concepts) => ({ concepts })) }, { order: { name: "given" }, seed: 0, origins });
const manifest = manifestOf(
  { tasks: [{ name: "first", concepts: [a, b] }, { concepts: [c] }] },
  { order: { name: "random", reverse: true }, seed: 3, origins },
);
const text = formatManifest(manifest);

test("what is written reads back, with one concept a line", () => {
  expect(parseManifest(text, "s.json")).toEqual(manifest);
  expect(text.split("\n").filter((line) => line.includes('{"id":'))).toHaveLength(3);
  expect(looksLikeManifest(text)).toBe(true);
});

test("the same stream has the same digest; any change is seen", () => {
  expect(build([[a, b], [c]]).digest).toBe(build([[a, b], [c]]).digest);
  expect(build([[b, a], [c]]).digest).not.toBe(build([[a, b], [c]]).digest);
  expect(() => parseManifest(text.replace('"a/1"', '"a/9"'), "s.json")).toThrow(/s\.json: its content and its digest differ/);
  expect(() => parseManifest(text.slice(0, 90), "s.json")).toThrow(/no JSON/);
  expect(() => parseManifest(text.replace("evergreen-stream/1", "evergreen-stream/9"), "s.json")).toThrow(/s\.json: format/);
});

test("its tasks are those of the data; a concept that the data lacks is named", () => {
  expect(tasksOf(manifest, [c, b, a])).toEqual([{ name: "first", concepts: [a, b] }, { concepts: [c] }]);
  expect(() => tasksOf(manifest, [a, b])).toThrow(/1 of 3 concepts are not in the data, "a\/2" among them/);
});

test("an outline counts concepts, samples, sets and years", () => {
  expect(summaries(outlineOf(text, "s.json"))).toEqual([
    {
      task: 1,
      name: "first",
      concepts: 2,
      samples: 4,
      sets: [
        ["a", 1],
        ["b", 1],
      ],
      years: [2001, 2003],
    },
    { task: 2, concepts: 1, samples: 2, sets: [["a", 1]] },
  ]);
  const published = outlineOf(JSON.stringify(["DTD+++a", "DTD+++b", "CIFAR100+++c"]), "p.json", { tasks: 2 });
  expect(summaries(published)).toEqual([
    { task: 1, concepts: 2, sets: [["dtd", 2]] },
    { task: 2, concepts: 1, sets: [["cifar100", 1]] },
  ]);
});

test("a difference names what is new, gone, moved or in another order", () => {
  const of = (tasks: readonly (readonly Concept[])[]) => outlineOf(formatManifest(build(tasks)), "s.json");
  const none = { added: [], removed: [], moved: [], reordered: false };
  expect(differenceOf(of([[a, b]]), of([[a, b]]))).toEqual(none);
  expect(differenceOf(of([[a, b]]), of([[b, a]]))).toEqual({ ...none, reordered: true });
  expect(differenceOf(of([[a], [b]]), of([[b], [c]]))).toEqual({
    added: ["a/2"],
    removed: ["a/1"],
    moved: [{ id: "b/1", from: 2, to: 1 }],
    reordered: false,
  });
});
