import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { drawnEntries, storedTypes } from "../../test/engine/stored-entries.ts";
import { createRandom } from "../util/random.ts";
import { squaredDistances, sumOfRows } from "./entries.ts";
import { setThreads } from "./facts.ts";
import { MappedFile } from "./mapped-file.ts";
import { scope } from "./scope.ts";
import { read, type Tensor } from "./tensor.ts";

const place = mkdtempSync(join(tmpdir(), "mapped file "));
afterAll(() => rmSync(place, { recursive: true }));

const kB = 1024;
const draws = createRandom(7).at("test/mapped-file");
const drawn = Uint8Array.from({ length: 5000 * kB }, () => draws.below(256));
/** No file begins as another does, and no run is like another. */
const bytesOf = (length: number): Uint8Array => drawn.subarray(draws.below(drawn.length - length)).subarray(0, length);

function file(name: string, length: number): { readonly path: string; readonly bytes: Uint8Array } {
  const [path, bytes] = [join(place, name), bytesOf(length)];
  writeFileSync(path, bytes);
  return { path, bytes };
}

const run = (reader: MappedFile, offset: number, size: number): Uint8Array | undefined =>
  scope(() => {
    const found = reader.read({ offset, dtype: "uint8", shape: [size] });
    return found && new Uint8Array(read(found) as Uint8Array);
  });

const bytesIn = (value: Tensor): Uint8Array => new Uint8Array(read(value).buffer);
const isSame = (found: Uint8Array | undefined, expected: Uint8Array): boolean =>
  found !== undefined && Buffer.compare(found, expected) === 0;

describe.each([1, 2, 40, 200])("%i files at once", (count) => {
  test("runs in any order, of any length and across every border have the file's bytes", () => {
    const files = Array.from({ length: count }, (_, i) => file(`${count}-${i}`, (count > 2 ? 300 : 3000) * kB + i));
    const readers = files.map(({ path }) => new MappedFile(path));
    try {
      for (const size of [64 * kB, 64 * kB - 8, 7])
        for (let step = 0, offset = 0; step < 12; step++, offset += size)
          for (const [i, { bytes }] of files.entries())
            if (offset + size <= bytes.length)
              expect(isSame(run(readers[i] as MappedFile, offset, size), bytes.subarray(offset, offset + size))).toBe(true);
      for (let step = 0; step < 400; step++) {
        const i = draws.below(count);
        const { bytes } = files[i] as (typeof files)[number];
        const offset = draws.below(bytes.length);
        const size = draws.below(Math.min(bytes.length - offset, [9, 70 * kB, 3000 * kB][step % 3] as number) + 1);
        expect(isSame(run(readers[i] as MappedFile, offset, size), bytes.subarray(offset, offset + size))).toBe(true);
      }
    } finally {
      for (const reader of readers) reader.close();
    }
  });
});

test("entries have the type and shape that are asked for, none of them too", () => {
  const path = join(place, "entries");
  writeFileSync(path, new Uint8Array(Float32Array.from({ length: 40_000 }, (_, i) => i).buffer));
  const reader = new MappedFile(path);
  scope(() => {
    const found = reader.read({ offset: 4 * 7, dtype: "float32", shape: [3, 2] });
    expect(found && [found.shape, [...(read(found) as Float32Array)]]).toEqual([
      [3, 2],
      [7, 8, 9, 10, 11, 12],
    ]);
    expect(reader.read({ offset: 160_000, dtype: "float32", shape: [0] })?.shape).toEqual([0]);
    expect(() => reader.read({ offset: -1, dtype: "float32", shape: [1] })).toThrow("offset");
  });
  reader.close();
});

test("what was read stays when its file is read on and closed", () => {
  const { path, bytes } = file("kept", 4000 * kB);
  scope(() => {
    const reader = new MappedFile(path);
    const runs = Array.from({ length: 60 }, (_, k) => reader.read({ offset: 64 * kB * k, dtype: "uint8", shape: [64 * kB] }));
    // A step back: what was passed leaves the memory.
    reader.read({ offset: 0, dtype: "uint8", shape: [1] });
    reader.close();
    for (const [k, kept] of runs.entries())
      expect(isSame(kept && (read(kept) as Uint8Array), bytes.subarray(64 * kB * k, 64 * kB * (k + 1)))).toBe(true);
  });
});

test("a run beyond the file's end is undefined, and so it is when the file became shorter meanwhile", () => {
  const { path, bytes } = file("short", 900 * kB);
  const reader = new MappedFile(path);
  expect(run(reader, bytes.length - 5, 6)).toBeUndefined();
  expect(run(reader, bytes.length + 5, 1)).toBeUndefined();
  expect(run(reader, bytes.length - 5, 5)).toEqual(bytes.slice(-5));
  expect(run(reader, 0, 8)).toEqual(bytes.slice(0, 8));
  const shorter = openSync(path, "r+");
  ftruncateSync(shorter, 100);
  closeSync(shorter);
  expect(run(reader, 800 * kB, 8)).toBeUndefined();
  reader.close();
});

test("a closed reader is refused, a missing file is named, and no file stays open", () => {
  const open = (): number => readdirSync("/proc/self/fd").length;
  const before = process.platform === "linux" ? open() : 0;
  const { path } = file("closed", 10);
  const reader = new MappedFile(path);
  run(reader, 0, 4);
  reader.close();
  const other = new MappedFile(path);
  expect(() => run(reader, 0, 4)).toThrow("not open");
  other.close();
  expect(() => new MappedFile(join(place, "nowhere"))).toThrow(/nowhere: cannot be opened/);
  expect(() => new MappedFile(place)).toThrow("cannot be mapped");
  if (process.platform === "linux") expect(open()).toBe(before);
});

/** Files of some bytes and then entries. */
function filesOf(entries: readonly Tensor[], skipped: number): readonly MappedFile[] {
  return entries.map((each, i) => {
    const path = join(place, `entries-${i}`);
    writeFileSync(path, Buffer.concat([Buffer.alloc(skipped), Buffer.from(read(each).buffer)]));
    return new MappedFile(path);
  });
}

test("a sum of runs has the bits of a sum of rows, and the squares of distances, in every type and for any number of threads", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 19 }),
      fc.constantFrom(0, 1, 7, 4095, 16_384, 16_385, 50_001),
      fc.integer({ min: 0, max: 1000 }),
      fc.constantFrom(1, 2),
      (n, length, seed, threads) => {
        setThreads(threads);
        scope(() => {
          const dtype = storedTypes[seed % 3] ?? "float32";
          const rows = Array.from({ length: n }, (_, i) => drawnEntries(length, seed + i, dtype));
          const base = seed % 2 === 0 ? undefined : drawnEntries(length, seed + 99, "float32");
          const weights = rows.map((_, i) => ((seed % 7) + i) / 3 - 1);
          const files = filesOf(rows, 8 * (seed % 9));
          try {
            const runs = files.map((each) => ({ file: each, offset: 8 * (seed % 9), dtype }));
            const found = MappedFile.sum(runs, { weights, size: length, base });
            expect(isSame(found && bytesIn(found.sum), bytesIn(sumOfRows(rows, weights)))).toBe(true);
            const squares = base ? squaredDistances(rows, base) : [];
            expect(found?.squares.length).toBe(squares.length);
            for (const [i, each] of squares.entries())
              expect(Math.abs((found?.squares[i] ?? Number.NaN) - each)).toBeLessThanOrEqual(1e-13 * each);
            expect(files.map(({ bytesRead }) => bytesRead)).toEqual(rows.map((row) => row.size * (dtype === "float32" ? 4 : 2)));
          } finally {
            for (const each of files) each.close();
          }
        });
      },
    ),
    { numRuns: 60 },
  );
});

test("a sum of runs of which one ends early is undefined, and what does not fit is refused", () => {
  scope(() => {
    const [long, short] = filesOf([drawnEntries(100, 1, "float32"), drawnEntries(60, 2, "float32")], 0) as [MappedFile, MappedFile];
    const runs = [long, short].map((each) => ({ file: each, offset: 0, dtype: "float32" as const }));
    const weights = [1, 1];
    expect(MappedFile.sum(runs, { weights, size: 60 })).toBeDefined();
    expect(MappedFile.sum(runs, { weights, size: 61 })).toBeUndefined();
    expect(() => MappedFile.sum([], { weights: [], size: 1 })).toThrow("at least one file");
    expect(() => MappedFile.sum(runs, { weights: [1], size: 1 })).toThrow("a weight for each");
    expect(() => MappedFile.sum(runs, { weights, size: 3, base: drawnEntries(4, 1, "float32") })).toThrow("float32 base");
    expect(() => MappedFile.sum([{ file: long, offset: 2, dtype: "float32" }], { weights: [1], size: 1 })).toThrow("multiples");
    expect(() => MappedFile.sum([{ file: long, offset: 0, dtype: "int64" }], { weights: [1], size: 1 })).toThrow("expected float32");
    short.close();
    expect(() => MappedFile.sum(runs, { weights, size: 1 })).toThrow("not open");
    long.close();
  });
});

test.runIf(process.platform === "linux")("pages that were passed leave the process's memory", () => {
  const path = join(place, "sparse");
  const [sizes, step] = [600 << 20, 1 << 20];
  const sparse = openSync(path, "w");
  ftruncateSync(sparse, sizes);
  closeSync(sparse);
  const mapped = (): number => Number(/RssFile:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * kB;
  const reader = new MappedFile(path);
  const before = mapped();
  let most = 0;
  for (let offset = 0; offset < sizes; offset += step) {
    run(reader, offset, step);
    most = Math.max(most, mapped() - before);
  }
  reader.close();
  expect(most).toBeGreaterThan(32 << 20);
  expect(most).toBeLessThan(100 << 20);
});

test("a file that became shorter under a tensor ends the process with its name", () => {
  const { path } = file("shrunk", 64 * kB);
  const source = `
    import { truncateSync } from "node:fs";
    const { MappedFile } = await import(${JSON.stringify(fileURLToPath(new URL("../../dist/engine/mapped-file.js", import.meta.url)))});
    const { read } = await import(${JSON.stringify(fileURLToPath(new URL("../../dist/engine/tensor.js", import.meta.url)))});
    const found = new MappedFile(${JSON.stringify(path)}).read({ offset: 0, dtype: "uint8", shape: [65536] });
    truncateSync(${JSON.stringify(path)}, 0);
    read(found);`;
  const { stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" });
  expect(stderr).toContain(`error[EG-4401]: ${path}: became shorter while it was in use`);
  expect(status).toBe(4);
});
