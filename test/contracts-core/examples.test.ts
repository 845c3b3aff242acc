import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Concept } from "../../src/data/source.ts";
import { modifiers } from "../../src/merging/operator.ts";
import { buffers } from "../../src/mixtures/buffer.ts";
import { pluginFolders, usePlugins } from "../../src/pipeline/catalogues.ts";
import { schedules } from "../../src/schedules/schedule.ts";
import { orderConcepts } from "../../src/streams/order.ts";
import { createRandom } from "../../src/util/random.ts";
import { exampleParts } from "../fixtures/judged-parts.ts";

// Examples of users' own parts: one of each kind, short, and what each is for.

const most = 50;
const mostLetters = 140;
const filesOf = (folder: string): readonly string[] =>
  readdirSync(join(exampleParts, folder)).filter((file) => /^[a-z-]+\.mjs$/.test(file));
usePlugins([exampleParts]);

test.each(pluginFolders.map(({ name }) => name))(
  "%s: there is an example, of at most 50 lines, with what a run file says of it",
  (folder) => {
    expect(filesOf(folder).length).toBeGreaterThan(0);
    for (const file of filesOf(folder)) {
      const lines = readFileSync(join(exampleParts, folder, file), "utf8")
        .trimEnd()
        .split("\n");
      expect(lines.length, file).toBeLessThanOrEqual(most);
      expect(lines.filter((line) => line.length > mostLetters)).toEqual([]);
      expect(lines.slice(0, 4).some((line) => line.startsWith("//") && line.includes(file.replace(".mjs", "")))).toBe(true);
    }
  },
);

test("slanted-triangle: up to 1 in two of ten steps, down to the floor in the others", async () => {
  const part = await schedules.load("slanted-triangle");
  const at = part.build(part.options.parse({ rise: 0.2, floor: 0.1 }), { batchSize: 1 });
  const shares = Array.from({ length: 10 }, (_, step) => at({ task: 0, step, steps: [10] }));
  const closed = [0, 0.5, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8].map((height) => 0.1 + 0.9 * height);
  for (const [i, share] of shares.entries()) expect(share).toBeCloseTo(closed[i] ?? 0, 12);
});

test("largest-first: by training images, in the canonical order where two have as many", async () => {
  const concept = (name: string, images: number): Concept => ({
    id: `zoo/${name}`,
    dataset: "zoo",
    name,
    samples: Array.from({ length: images }, (_, i) => `zoo/${name}-${i}`),
    stats: {},
  });
  const given = [concept("owl", 2), concept("bee", 2), concept("cat", 5), concept("ant", 1)];
  const ordered = await orderConcepts(given, "largest-first", { random: createRandom(0) });
  expect(ordered.map(({ name }) => name)).toEqual(["cat", "bee", "owl", "ant"]);
});

test("ring-per-concept: the newest of each, in the order of their arrival", async () => {
  const { options, admit } = await buffers.load("ring-per-concept");
  const about = { random: createRandom(0), conceptOf: (id: string) => id.slice(0, 1), bytesOf: () => 1 };
  const at = { seen: 0, options: options.parse({ each: 2 }), about };
  const held = admit([], ["a1", "b1", "a2", "a3"], at);
  expect(held).toEqual(["b1", "a2", "a3"]);
  expect(admit(held, ["c1", "b2", "b3"], { ...at, seen: 4 })).toEqual(["a2", "a3", "c1", "b2", "b3"]);
});

test("last-blocks: nothing moves before them, all behind", async () => {
  const { options, factor } = await modifiers.load("last-blocks");
  const given = options.parse({ count: 2, before: 0.25 });
  const inside = [0, 1, 2, 3].map((block) => factor({ block, blocks: 4, side: "inside" }, given));
  expect(inside).toEqual([0.25, 0.25, 1, 1]);
  expect((["before", "after"] as const).map((side) => factor({ block: undefined, blocks: 4, side }, given))).toEqual([0.25, 1]);
});
