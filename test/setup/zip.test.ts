import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { unpackZip } from "../../scripts/setup/zip.mjs";
import { type WrittenEntry, writeZip } from "./zip-writer.ts";

const folder = mkdtempSync(join(tmpdir(), "evergreen-zip-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

async function unpack(archive: Buffer, take: (name: string) => boolean = () => true) {
  const file = join(folder, `${count++}.zip`);
  const target = join(folder, `${count}`);
  writeFileSync(file, archive);
  const sizes = await unpackZip(file, target, take);
  return { sizes, target };
}
const small: WrittenEntry = { name: "a/b.txt", content: Buffer.from("hello hello hello") };

test("any contents come back, stored or deflated, with 32-bit or 64-bit sizes", async () => {
  const content = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes));
  const entries = fc.array(fc.record({ content, stored: fc.boolean(), zip64: fc.boolean() }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(entries, async (list) => {
      const written = list.map((entry, i) => ({ ...entry, name: `folder/ü ${i}` }));
      const { target, sizes } = await unpack(writeZip(written));
      expect(sizes.size).toBe(written.length);
      for (const { name, content } of written) expect(readFileSync(join(target, name)).equals(content)).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test("a large entry is streamed and its CRC verified", async () => {
  const content = Buffer.alloc(9 << 20, 7).fill("evergreen", 1 << 20);
  const { target } = await unpack(writeZip([{ name: "large", content }]));
  expect(readFileSync(join(target, "large")).equals(content)).toBe(true);
  await expect(unpack(writeZip([{ name: "large", content, crc: 1 }]))).rejects.toThrow("promised content");
  await expect(unpack(writeZip([{ name: "large", content, size: content.length - 1 }]))).rejects.toThrow("larger than promised");
});

test("only what is chosen is unpacked", async () => {
  const { target, sizes } = await unpack(
    writeZip([small, { ...small, name: "a/c.txt" }, { ...small, name: "d" }]),
    (name) => name === "a/c.txt",
  );
  expect([...sizes]).toEqual([["a/c.txt", 17]]);
  expect(readdirSync(join(target, "a"))).toEqual(["c.txt"]);
});

test.each(["../out", "a/../../out", "/etc/out", "a//b", "C:\\out", "c:out", "a\\b", "a/\0"])("the name %j is refused", async (name) => {
  await expect(unpack(writeZip([{ ...small, name }]))).rejects.toThrow("leads outside");
  expect(existsSync(join(folder, "out"))).toBe(false);
});

test.each<[string, Partial<WrittenEntry>, string]>([
  ["a link", { mode: 0o120777 }, "is a link"],
  ["an encrypted entry", { flags: 1 }, "is encrypted"],
  ["another packing method", { method: 12 }, "unknown method 12"],
  ["a wrong CRC", { crc: 42 }, "promised content"],
  ["a size that is too small", { size: 3 }, "cannot be inflated"],
  ["a size that is too large", { size: 3000 }, "promised content"],
])("%s is refused", async (_title, lie, message) => {
  await expect(unpack(writeZip([{ ...small, ...lie }]))).rejects.toThrow(message);
});

test("the same name twice is refused", async () => {
  await expect(unpack(writeZip([small, small]))).rejects.toThrow("is there twice");
});

test("an archive cut off anywhere is refused, never half accepted", async () => {
  const archive = writeZip([small, { ...small, name: "b", zip64: true }]);
  for (let length = 0; length < archive.length; length += 7) {
    await expect(unpack(archive.subarray(0, length)), `cut at ${length} of ${archive.length}`).rejects.toThrow(
      /EG-4101|not a sound archive/,
    );
  }
});

test("flipped bytes are found or leave the content as it was", async () => {
  const archive = writeZip([small]);
  for (let at = 0; at < archive.length; at++) {
    const flipped = Buffer.from(archive);
    flipped.writeUInt8(flipped.readUInt8(at) ^ 0x55, at);
    const result = await unpack(flipped).catch((error: Error) => error);
    if (result instanceof Error) expect(result.name, `byte ${at}: ${result.stack}`).toBe("SetupFailure");
    else
      for (const name of result.sizes.keys())
        expect(readFileSync(join(result.target, name)).equals(small.content), `byte ${at}`).toBe(true);
  }
});
