import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import { openSources } from "../data/open-sources.ts";
import { loadModel } from "../models/load.ts";
import { presetFolder } from "./preset-folder.ts";
import { scoreConcepts } from "./score-concepts.ts";
import { writeScores } from "./scores-file.ts";
import { streamOf } from "./stream-of.ts";

const root = mkdtempSync(join(tmpdir(), "score-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("scores are made, found in the cache, and ordered by", async () => {
  // Names that the small vocabulary of the mini-flux model can spell.
  for (const [i, name] of ["fox", "bear", "cat"].entries()) {
    mkdirSync(join(root, "zoo", name), { recursive: true });
    for (let k = 0; k < 3; k++) {
      const background = { r: 80 * i, g: 80 * k, b: 20 * (i + k) };
      await sharp({ create: { width: 8, height: 8, channels: 3, background } })
        .png()
        .toFile(join(root, "zoo", name, `${k}.png`));
    }
  }
  const sets = await openSources("./zoo", root);
  const told: number[] = [];
  const options = {
    loaded: await loadModel(`${presetFolder}mini-flux-base.safetensors`, { arch: "mini-flux" }),
    digest: "model",
    precision: "fp32" as const,
    batchSize: 8,
    seed: 0,
    pairs: 2,
    distractors: 3,
    over: "concept" as const,
    pool: sets,
    env: { EVERGREEN_CACHE: join(root, "cache") },
    onProgress: (_: string, done: number) => void told.push(done),
  };
  const scores = await scoreConcepts(sets, options);
  expect(scores.concepts).toEqual(["zoo/bear", "zoo/cat", "zoo/fox"]);
  for (const loss of scores.matchingLoss ?? []) expect(loss).toBeGreaterThan(0);
  expect(told).toEqual([0, 1, 2, 3, 3]);
  told.length = 0;
  expect(await scoreConcepts(sets, options)).toEqual(scores);
  expect(told).toEqual([0, 3]);
  const scored = join(root, "scores.safetensors");
  await writeScores(scored, { ...scores, frequency: [5, 9, 2] });
  const order = async (name: string): Promise<string[]> => {
    const { tasks } = await streamOf({ stream: { from: "", order: name, scores: scored, tasks: 1 }, seed: 0 }, sets);
    return tasks.flatMap(({ concepts }) => concepts.map(({ id }) => id));
  };
  const loss = new Map(scores.concepts.map((id, i) => [id, scores.matchingLoss?.[i] ?? Number.NaN]));
  expect(await order("performance")).toEqual([...loss.keys()].sort((a, b) => (loss.get(a) ?? 0) - (loss.get(b) ?? 0)));
  expect(await order("frequency")).toEqual(["zoo/fox", "zoo/bear", "zoo/cat"]);
  expect((await order("similarity")).sort()).toEqual([...scores.concepts]);
});
