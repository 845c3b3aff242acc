import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { scope } from "../../src/engine/scope.ts";
import { read, readFile } from "../../src/engine/tensor.ts";
import { EntryFiles } from "../../src/merging/file-reader.ts";

const folder = mkdtempSync(join(tmpdir(), "evergreen-read-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("entries of an open file are read into a tensor; undefined where it ends before them, typed for what cannot be read", () => {
  const path = join(folder, "entries.bin");
  writeFileSync(path, new Uint8Array(Float32Array.from({ length: 40_000 }, (_, i) => i).buffer));
  const file = openSync(path, "r");
  scope(() => {
    const found = readFile(file, { offset: 4 * 7, dtype: "float32", shape: [3, 2] });
    expect(found && [found.shape, [...(read(found) as Float32Array)]]).toEqual([
      [3, 2],
      [7, 8, 9, 10, 11, 12],
    ]);
    expect(readFile(file, { offset: 0, dtype: "float32", shape: [40_001] })).toBeUndefined();
    expect(readFile(file, { offset: 160_000, dtype: "float32", shape: [0] })?.shape).toEqual([0]);
  });
  closeSync(file);
  expect(() => readFile(9999, { offset: 0, dtype: "float32", shape: [1] })).toThrow(/readFile.*cannot be read/s);
});

test("a file that became shorter while it is merged is told by its name and where it ends", () => {
  const path = join(folder, "model.safetensors");
  writeFileSync(path, new Uint8Array(64));
  const files = new EntryFiles();
  const entry = { name: "w", path, dtype: "F32", shape: [8], offset: 32, bytes: 32 } as const;
  scope(() => {
    expect(files.entries(entry, 2, 3).shape).toEqual([3]);
    truncateSync(path, 48);
    expect(() => files.entries(entry, 0, 8)).toThrowError(/ends at byte 48, expected 64/);
    expect(files.bytesRead).toBe(12);
  });
  files.close();
});
