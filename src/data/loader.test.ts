import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { createLoader, type LoaderOptions, type RowRequest } from "./loader.ts";
import type { ImageLocation } from "./source.ts";
import { preprocessOf } from "./transform.ts";

const size = 16;
const count = 12;
let folder = "";
let images: ImageLocation[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "loader-"));
  const raw = new Uint8Array(4 * 64 * 64 * 3).map((_, i) => (i * 31 + (i >> 6)) % 256);
  writeFileSync(join(folder, "pixels.bin"), raw);
  images = [];
  for (let i = 0; i < count - 4; i++) {
    const path = join(folder, `${i}.jpg`);
    const data = new Uint8Array(40 * 30 * 3).map((_, p) => (p * (i + 3) + (p >> 4)) % 256);
    await sharp(data, { raw: { width: 40, height: 30, channels: 3 } })
      .jpeg()
      .toFile(path);
    images.push({ kind: "file", path });
  }
  for (let i = 0; i < 4; i++)
    images.push({ kind: "raw", path: join(folder, "pixels.bin"), offset: i * 64 * 64 * 3, width: 64, height: 64 });
});

const base = (): LoaderOptions => ({
  seed: 5,
  preprocess: preprocessOf({ size }),
  transforms: { train: { name: "openclip" }, drawings: { name: "drawings" }, test: { name: "none" } },
  maxRows: 8,
});

const transforms = ["train", "drawings", "test"];

function row(step: number, j: number): RowRequest {
  const index = step * 8 + j;
  const image = images[(index * 7) % images.length] as ImageLocation;
  return { id: `set/${index}`, image, transform: transforms[index % 3] as string, draws: { purpose: "crop/update", task: 1, index } };
}

const rowsAt = (steps: number) => (step: number) =>
  step < steps ? Array.from({ length: 1 + (step % 8) }, (_, j) => row(step, j)) : undefined;

async function digest(steps: number, options: Partial<LoaderOptions>): Promise<string> {
  const loader = await createLoader({ ...base(), ...options });
  const hash = createHash("sha256");
  try {
    loader.start({ firstStep: 0, rowsAt: rowsAt(steps) });
    for (let step = 0; ; step++) {
      const batch = loader.take(step);
      if (!batch) return `${step} ${hash.digest("hex")}`;
      expect(batch.images.length).toBe((1 + (step % 8)) * 3 * size * size);
      hash.update(batch.images);
    }
  } finally {
    await loader.close();
  }
}

test("a batch is the same bits for any number of workers, any depth and with a cache", async () => {
  const one = await digest(40, { workers: 1, depth: 2 });
  expect(one.startsWith("40 ")).toBe(true);
  expect(await digest(40, { workers: 2, depth: 5 })).toBe(one);
  expect(await digest(40, { workers: 4, depth: 3, cacheBytes: 1e6, sharedRawBytes: 0 })).toBe(one);
});

test("a consumer that never returns to its event loop takes thousands of batches", async () => {
  const loader = await createLoader({ ...base(), workers: 2 });
  let rows = 0;
  const last = images[images.length - 1] as ImageLocation;
  loader.start({ firstStep: 0, rowsAt: (step) => (step < 3000 ? [{ ...row(step, 0), image: last, transform: "test" }] : undefined) });
  for (let step = 0; step < 3000; step++) rows += loader.take(step)?.rows.length ?? 0;
  expect(loader.take(3000)).toBeUndefined();
  await loader.close();
  expect(rows).toBe(3000);
});
