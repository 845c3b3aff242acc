import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Concept } from "../data/source.ts";
import { writeSafetensors } from "../models/safetensors-write.ts";
import { readScores, withScores, writeScores } from "./scores-file.ts";

const concept = (id: string): Concept => ({ id, dataset: "a", name: id.slice(2), samples: [], stats: { year: 2000 } });
const scores = {
  concepts: ["a/x", "a/y"],
  matchingLoss: [0.1 + 0.2, null],
  frequency: [7, 0],
  text: { width: 2, values: Float32Array.of(1, 0, 0, 1) },
  about: { model: "m", seed: 0 },
};

test("scores read back as they were written; other files are refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "scores-"));
  try {
    const file = join(folder, "scores.safetensors");
    await writeScores(file, scores);
    expect(await readScores(file)).toEqual(scores);
    const { text: _, ...without } = scores;
    await writeScores(file, without);
    expect(await readScores(file)).toEqual(without);
    await writeSafetensors(file, [{ name: "text", dtype: "F32", shape: [1], data: new Uint8Array(4) }]);
    await expect(readScores(file)).rejects.toThrow(/no file of scores/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("concepts keep what they knew and gain their scores; unknown ones stay as they are", () => {
  const { concepts, embeddings } = withScores([concept("a/y"), concept("a/x"), concept("a/z")], scores);
  expect(concepts.map(({ stats }) => stats)).toEqual([
    { year: 2000, frequency: 0 },
    { year: 2000, matchingLoss: 0.1 + 0.2, frequency: 7 },
    { year: 2000 },
  ]);
  expect([...(embeddings?.of("a/y") ?? [])]).toEqual([0, 1]);
  expect(embeddings?.of("a/z")).toBeUndefined();
});
