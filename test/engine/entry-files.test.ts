import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { scope } from "../../src/engine/scope.ts";
import { EntryFiles } from "../../src/merging/file-reader.ts";

const folder = mkdtempSync(join(tmpdir(), "evergreen-read-"));
afterAll(() => rmSync(folder, { recursive: true }));

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
