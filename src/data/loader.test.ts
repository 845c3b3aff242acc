import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { LoaderError } from "./data-error.ts";
import { createLoader, type LoaderOptions, type RowRequest } from "./loader.ts";
import type { ImageLocation } from "./source.ts";
import { decodeTest, preprocessOf } from "./transform.ts";

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
}, 300_000);

test("draws follow the address: the source's name, the task and the index each change a crop, the step does not", async () => {
  const loader = await createLoader({ ...base(), workers: 1 });
  const image = images[0] as ImageLocation;
  const taken = (purpose: string, task: number, index: number, firstStep = 0): string => {
    const request = { id: "a", image, transform: "drawings", draws: { purpose, task, index } };
    loader.start({ firstStep, rowsAt: (step) => (step === firstStep ? [request] : undefined) });
    return createHash("sha256")
      .update(loader.take(firstStep)?.images ?? "")
      .digest("hex");
  };
  const first = taken("crop/update", 0, 0);
  expect(taken("crop/update", 0, 0, 7)).toBe(first);
  expect(new Set([first, taken("crop/buffer", 0, 0), taken("crop/update", 1, 0), taken("crop/update", 0, 1)]).size).toBe(4);
  await loader.close();
});

test("pixels are channel by channel, and rows stand in their order", async () => {
  const loader = await createLoader({ ...base(), workers: 2 });
  const rows = [8, 9, 10].map((i) => ({ ...row(0, 0), image: images[i] as ImageLocation, transform: "test" }));
  loader.start({ firstStep: 0, rowsAt: (step) => (step === 0 ? rows : undefined) });
  const batch = loader.take(0);
  for (const [r, { image }] of rows.entries()) {
    const pixels = await decodeTest(image, { size });
    const planes = Uint8Array.from(
      { length: 3 * size * size },
      (_, i) => pixels[(i % (size * size)) * 3 + Math.floor(i / (size * size))] as number,
    );
    expect(batch?.images.slice(r * planes.length, (r + 1) * planes.length)).toEqual(planes);
  }
  await loader.close();
});

test("a plan that begins anew drops what was made ahead", async () => {
  const loader = await createLoader({ ...base(), workers: 2, depth: 4 });
  const all = rowsAt(30);
  loader.start({ firstStep: 0, rowsAt: all });
  const third = [0, 1, 2].map((step) => Buffer.from(loader.take(step)?.images ?? []))[2];
  loader.start({ firstStep: 2, rowsAt: all });
  expect(Buffer.from(loader.take(2)?.images ?? [])).toEqual(third);
  expect(() => loader.take(5)).toThrow(/next batch is 3, 5 was asked for/);
  await loader.close();
});

test("an image that takes longer than the limit is an error with its id, and never a hang", async () => {
  const path = fileURLToPath(new URL("../../test/vectors/preprocess/rgb-4000x3000.jpg", import.meta.url));
  const loader = await createLoader({ ...base(), workers: 1, timeoutMs: 100 });
  loader.start({
    firstStep: 0,
    rowsAt: (step) => (step === 0 ? [{ ...row(0, 0), id: "set/slow", image: { kind: "file", path }, transform: "test" }] : undefined),
  });
  expect(() => loader.take(0)).toThrow(/no image was finished for 100 ms; .*set\/slow/);
  await loader.close();
});

test("dead workers are an error, and never a hang", async () => {
  const loader = await createLoader({ ...base(), workers: 2, timeoutMs: 300 });
  await loader.close();
  loader.start({ firstStep: 0, rowsAt: rowsAt(1) });
  expect(() => loader.take(0)).toThrow(LoaderError);
});

test("unknown transforms and options are refused before a worker starts", async () => {
  await expect(createLoader({ ...base(), transforms: { train: { name: "opencilp" } } })).rejects.toThrow(/unknown augment "opencilp"/);
  await expect(createLoader({ ...base(), transforms: { train: { name: "openclip", scael: 1 } } })).rejects.toThrow(/scael/);
});

test("replacements are asked for until one can be read, and all that were skipped are told", async () => {
  const loader = await createLoader({ ...base(), workers: 2 });
  const missing = (n: number): RowRequest => ({
    ...row(0, 0),
    id: `set/missing-${n}`,
    image: { kind: "file", path: join(folder, `missing-${n}.jpg`) },
  });
  const good = { ...row(0, 1), transform: "test" };
  loader.start({
    firstStep: 0,
    rowsAt: (step) => (step === 0 ? [good, missing(0)] : undefined),
    replace: (_, attempt) => (attempt < 3 ? missing(attempt) : good),
  });
  const batch = loader.take(0);
  expect(batch?.skipped.map(({ row: at, id, replacedBy }) => [at, id, replacedBy])).toEqual(
    [0, 1, 2].map((n) => [1, `set/missing-${n}`, good.id]),
  );
  expect(batch?.skipped[0]?.reason).toMatch(/missing-0.jpg: cannot be opened \(ENOENT/);
  const half = (batch?.images.length ?? 0) / 2;
  expect(batch?.images.slice(0, half)).toEqual(batch?.images.slice(half));
  await loader.close();
});
