import { closeSync, ftruncateSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { scope } from "./scope.ts";
import { RunReader, read } from "./tensor.ts";

const place = mkdtempSync(join(tmpdir(), "run reader "));
afterAll(() => rmSync(place, { recursive: true }));

const kB = 1024;
const draws = createRandom(7).at("test/run-reader");
/** No run is like another. */
function bytesOf(length: number): Uint8Array {
  let state = draws.below(2 ** 31) | 1;
  const next = (): number => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223;
    return state >>> 24;
  };
  return Uint8Array.from({ length }, next);
}

function file(name: string, length: number): { readonly path: string; readonly bytes: Uint8Array } {
  const [path, bytes] = [join(place, name), bytesOf(length)];
  writeFileSync(path, bytes);
  return { path, bytes };
}

const run = (reader: RunReader, offset: number, size: number): Uint8Array | undefined =>
  scope(() => {
    const found = reader.read({ offset, dtype: "uint8", shape: [size] });
    return found && new Uint8Array(read(found) as Uint8Array);
  });

const isSame = (found: Uint8Array | undefined, expected: Uint8Array): boolean =>
  found !== undefined && Buffer.compare(found, expected) === 0;

describe.each([1, 2, 40, 200])("%i files at once", (count) => {
  test("runs in any order, of any length and across every border have the file's bytes", () => {
    const files = Array.from({ length: count }, (_, i) => file(`${count}-${i}`, (count > 2 ? 300 : 3000) * kB + i));
    const readers = files.map(({ path }) => new RunReader(path));
    try {
      for (const size of [64 * kB, 64 * kB - 8, 7])
        for (let step = 0, offset = 0; step < 12; step++, offset += size)
          for (const [i, { bytes }] of files.entries())
            if (offset + size <= bytes.length)
              expect(isSame(run(readers[i] as RunReader, offset, size), bytes.subarray(offset, offset + size))).toBe(true);
      for (let step = 0; step < 400; step++) {
        const i = draws.below(count);
        const { bytes } = files[i] as (typeof files)[number];
        const offset = draws.below(bytes.length);
        const size = draws.below(Math.min(bytes.length - offset, [9, 70 * kB, 3000 * kB][step % 3] as number) + 1);
        expect(isSame(run(readers[i] as RunReader, offset, size), bytes.subarray(offset, offset + size))).toBe(true);
      }
    } finally {
      for (const reader of readers) reader.close();
    }
  });
});

test("entries have the type and shape that are asked for, none of them too", () => {
  const path = join(place, "entries");
  writeFileSync(path, new Uint8Array(Float32Array.from({ length: 40_000 }, (_, i) => i).buffer));
  const reader = new RunReader(path);
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
    const reader = new RunReader(path);
    const runs = Array.from({ length: 60 }, (_, k) => reader.read({ offset: 64 * kB * k, dtype: "uint8", shape: [64 * kB] }));
    reader.close();
    for (const [k, kept] of runs.entries())
      expect(isSame(kept && (read(kept) as Uint8Array), bytes.subarray(64 * kB * k, 64 * kB * (k + 1)))).toBe(true);
  });
});

test("a run beyond the file's end is undefined, and so it is when the file became shorter meanwhile", () => {
  const { path, bytes } = file("short", 900 * kB);
  const reader = new RunReader(path);
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
  const reader = new RunReader(path);
  run(reader, 0, 4);
  reader.close();
  const other = new RunReader(path);
  expect(() => run(reader, 0, 4)).toThrow("not open");
  other.close();
  expect(() => new RunReader(join(place, "nowhere"))).toThrow(/nowhere: cannot be opened/);
  const folder = new RunReader(place);
  expect(() => run(folder, 0, 1)).toThrow("cannot be read");
  folder.close();
  if (process.platform === "linux") expect(open()).toBe(before);
});
