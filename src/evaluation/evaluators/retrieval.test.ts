import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ownCache } from "../../../test/fixtures/data/own-cache.ts";
import { trees } from "../../../test/fixtures/data/torchvision-trees.ts";
import { openSources } from "../../data/open-sources.ts";
import type { DataSource } from "../../data/source.ts";
import { tensor } from "../../engine/tensor.ts";
import retrieval from "./retrieval.ts";

const root = ownCache("eg-retrieval-");

async function opened(handle: string): Promise<DataSource> {
  const folder = mkdtempSync(join(root, handle));
  trees[handle]?.(folder);
  const [set] = await openSources({ name: "torchvision", path: folder, sets: [handle] }, "/");
  if (!set) throw new Error("no set");
  return set;
}

/** Puts each picture on an axis of its own and each text where its picture is, but those astray nearer to the next one, though not as near as its own. */
function evaluate(set: DataSource, astray: readonly string[]) {
  const records = set.records("test");
  const owner = new Map(records.flatMap(({ captions }, i) => captions.map((text) => [text, i] as const)));
  const axis = (i: number): number[] => records.map((_, at) => (at === i % records.length ? 1 : 0));
  const asked: string[] = [];
  const { measurements, outcomes } = retrieval.evaluate(
    {
      scale: 1,
      images: (of) =>
        tensor(
          of.flatMap(({ id }) => axis(records.findIndex((record) => record.id === id))),
          [of.length, records.length],
          "float32",
        ),
      texts: (texts) => {
        asked.push(...texts);
        const rows = texts.map((text) => {
          const own = axis(owner.get(text) ?? 0);
          const next = axis((owner.get(text) ?? 0) + 1);
          return astray.includes(text) ? own.map((entry, at) => 0.6 * entry + 0.8 * (next[at] ?? 0)) : own;
        });
        return tensor(rows.flat(), [texts.length, records.length], "float32");
      },
    },
    set,
    {},
  );
  const measured = (name: string) => measurements.find(({ metric }) => metric === name);
  return { asked, measured, flags: (name: string) => outcomes.find(({ metric }) => metric === name)?.flags };
}

test.each([
  ["mscoco", 11],
  ["flickr30k", 10],
] as const)("%s: every caption of a picture is asked for, is found by its picture and counts", async (handle, captions) => {
  const set = await opened(handle);
  const all = set.records("test").flatMap((record) => record.captions);
  expect(all.length).toBe(captions);
  const [, , third = ""] = all;
  const right = evaluate(set, []);
  expect(right.asked).toEqual(all);
  expect(right.measured("image_retrieval_recall@1")).toMatchObject({ value: 1, samples: captions });
  expect(right.measured("text_retrieval_recall@1")).toMatchObject({ value: 1, samples: 2 });
  expect(right.flags("image_retrieval_recall@5")?.length).toBe(captions);
  // One caption goes astray: it alone is missed, and its picture still finds another of its own.
  const wrong = evaluate(set, [third]);
  expect(wrong.measured("image_retrieval_recall@1")?.value).toBeCloseTo((captions - 1) / captions, 12);
  expect(wrong.measured("text_retrieval_recall@1")?.value).toBe(1);
});
