import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DataSource, SampleRecord } from "../data/source.ts";
import { release } from "../engine/scope.ts";
import type { LoadedModel } from "../models/load.ts";
import type { ContaminationReport } from "./contamination.ts";
import { type EmbeddingRows, encode, loadForUse } from "./encode.ts";
import { modelPath } from "./model-path.ts";
import { findSimilar, type Similar, type SimilarOptions, withSimilar } from "./semantic-contamination.ts";

const folder = mkdtempSync(join(tmpdir(), "semantic-"));
const path = (name: string): string => join(folder, `${name}.png`);

/** A drawing of a colour and a shape that follow from its number. */
const drawing = (number: number): Sharp =>
  sharp(
    Buffer.from(
      `<svg width="64" height="64"><rect width="64" height="64" fill="white"/><circle cx="${20 + ((number * 17) % 24)}" cy="32" r="${8 + ((number * 7) % 13)}" fill="hsl(${number * 67},80%,45%)"/><rect x="${(number * 29) % 40}" y="${(number * 13) % 44}" width="${6 + ((number * 5) % 19)}" height="12" fill="hsl(${number * 101},70%,30%)"/></svg>`,
    ),
  ).removeAlpha();
const record = (id: string, split: SampleRecord["split"]): SampleRecord => ({
  ...{ id, captions: [""], split },
  image: { kind: "file", path: path(id.replace("/", "-")) },
});
const source = (name: string, split: SampleRecord["split"], ids: readonly string[]): DataSource => ({
  ...{ name, task: "caption", role: "eval", fingerprint: "f", classNames: [], templates: [], licences: [] },
  records: (wanted) => (wanted === split ? ids.map((id) => record(id, split)) : []),
  concepts: () => [],
});
const numbered = (set: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${set}/${i}`);
const [tested, pool, other] = [numbered("t", 7), numbered("p", 11), numbered("q", 3)];

let model: LoadedModel;
let embedded: Readonly<Record<string, EmbeddingRows>>;
beforeAll(async () => {
  const draw = async (id: string, picture: Sharp): Promise<void> =>
    writeFileSync(path(id.replace("/", "-")), await picture.png().toBuffer());
  await Promise.all(tested.map((id, i) => draw(id, drawing(i))));
  // The pool's fourth picture is the third test item, brighter and smaller; q's last is the first item itself.
  await Promise.all(pool.map((id, i) => draw(id, i === 3 ? drawing(2).resize(50, 50).modulate({ brightness: 1.03 }) : drawing(100 + i))));
  await Promise.all(other.map((id, i) => draw(id, i === 2 ? drawing(0) : drawing(200 + i))));
  model = await loadForUse(modelPath("preset:mini-flux-base"), { env: {} });
  const rows = async (ids: readonly string[]): Promise<EmbeddingRows> =>
    (await encode(model, { images: ids.map((id) => path(id.replace("/", "-"))), texts: [] }, { precision: "fp32", batchSize: 4 })).image;
  embedded = { t: await rows(tested), p: await rows(pool), q: await rows(other) };
}, 60_000);
afterAll(() => {
  release(model.model);
  rmSync(folder, { recursive: true });
});

const search = (more: Partial<SimilarOptions> = {}): Promise<readonly Similar[]> =>
  findSimilar([source("t", "test", tested)], [source("p", "train", pool), source("q", "train", other)], model, {
    ...{ threshold: -0.9, precision: "fp32", batchSize: 4, unreadable: new Set() },
    ...more,
  });

/** The nearest sample of a pool by products of doubles. */
function nearest(item: number, name: string, ids: readonly string[]): readonly [string | undefined, number] {
  const row = (of: EmbeddingRows, at: number): Float32Array => of.values.subarray(at * of.width, (at + 1) * of.width);
  const own = row(embedded.t as EmbeddingRows, item);
  const cosines = ids.map((_, i) => row(embedded[name] as EmbeddingRows, i).reduce((sum, value, at) => sum + value * (own[at] ?? 0), 0));
  const best = Math.max(...cosines);
  return [ids[cosines.indexOf(best)], best];
}

describe("the nearest training picture of each test item", () => {
  test("is the one that products in double precision find, whatever the size of the blocks", async () => {
    for (const blockRows of [1, 4, 4096]) {
      const found = await search({ blockRows });
      expect(found.map(({ item, pool: set }) => [set, item])).toEqual(["p", "q"].flatMap((set) => tested.map((item) => [set, item])));
      for (const { item, pool: set, sample, similarity } of found) {
        const [wanted, cosine] = nearest(tested.indexOf(item), set, set === "p" ? pool : other);
        expect(sample).toBe(wanted);
        expect(similarity).toBeCloseTo(cosine, 5);
      }
    }
  });

  test("is told from the threshold less what is borderline on; the same picture has cosine 1, an altered one is near it", async () => {
    const found = await search({ threshold: 0.999 });
    const of = (item: string, set: string): Similar | undefined => found.find((each) => each.item === item && each.pool === set);
    expect(of("t/0", "q")).toMatchObject({ sample: "q/2", similarity: expect.closeTo(1, 5) as number });
    expect(of("t/2", "p")?.sample).toBe("p/3");
    expect(found.every(({ similarity }) => similarity >= 0.979)).toBe(true);
    const all = await search();
    expect(found).toEqual(all.filter(({ similarity }) => similarity >= 0.999 - 0.02));
  });

  test("is looked for among what can be read alone, and every picture is counted once", async () => {
    const told: number[] = [];
    const unreadable = new Set(["t/1", "p/3"]);
    const found = await search({ unreadable, blockRows: 4, progress: (done, of) => told.push(done, of) });
    expect(found.some(({ item, sample }) => unreadable.has(item) || unreadable.has(sample))).toBe(false);
    expect(told.slice(-2)).toEqual([19, 19]);
    expect(
      await findSimilar([], [source("p", "train", pool)], model, { threshold: 0.9, precision: "fp32", batchSize: 4, unreadable }),
    ).toEqual([]);
  });
});

describe("what is found by meaning", () => {
  const found = (kind: "bytes" | "caption", item: string) => ({ set: "t", item, kind, pool: "p", sample: "p/0" });
  const report: ContaminationReport = { tested: 4, trained: 9, unreadable: [], found: [found("bytes", "t/0"), found("caption", "t/1")] };
  const similar = (item: string, similarity: number): Similar => ({ set: "t", item, pool: "p", sample: "p/9", similarity });

  test("stands behind what is found by the picture and before what is found by its caption; the nearly found are told apart, nearest first", () => {
    const pairs = [similar("t/0", 1), similar("t/1", 0.96), similar("t/2", 0.935), similar("t/3", 0.949), similar("t/4", 0.95)];
    const { report: all, borderline } = withSimilar(report, pairs, 0.95);
    expect(all.found.map(({ item, kind, sample, similarity }) => [item, kind, sample, similarity])).toEqual([
      ["t/0", "bytes", "p/0", undefined],
      ["t/1", "semantic", "p/9", 0.96],
      ["t/4", "semantic", "p/9", 0.95],
    ]);
    expect(borderline.map(({ item }) => item)).toEqual(["t/3", "t/2"]);
    expect(withSimilar(report, [], 0.95)).toEqual({ report, borderline: [] });
  });
});
