import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Header as FullHeader, pack } from "tar-stream";
import { expect, test } from "vitest";
import { DataError } from "./data-error.ts";
import { tarMembers } from "./tar-index.ts";

type Header = Partial<FullHeader> & { readonly name: string };

const folder = mkdtempSync(join(tmpdir(), "tar-"));

async function tarOf(entries: readonly (readonly [Header, string])[]): Promise<Buffer> {
  const archive = pack();
  for (const [header, body] of entries) archive.entry(header, body);
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

let count = 0;
function saved(data: Uint8Array): string {
  const path = join(folder, `${count++}.tar`);
  writeFileSync(path, data);
  return path;
}

/** Changes a header's bytes and sets its checksum right again. */
function patched(data: Buffer, at: number, bytes: string): Buffer {
  const out = Buffer.from(data);
  out.write(bytes, at, "latin1");
  out.write("        ", 148, "latin1");
  const sum = out.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  out.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return out;
}

test("members lie where their bytes are, long names in pax headers included", async () => {
  const long = `${"folder/".repeat(40)}name.txt`;
  const data = await tarOf([
    [{ name: "a.jpg" }, "first"],
    [{ name: "folder", type: "directory" }, ""],
    [{ name: long }, "second"],
    [{ name: "é漢.png" }, ""],
  ]);
  const members = tarMembers(saved(data));
  expect(members.map(({ name }) => name)).toEqual(["a.jpg", long, "é漢.png"]);
  expect(members.map(({ offset, bytes }) => data.toString("utf8", offset, offset + bytes))).toEqual(["first", "second", ""]);
});

test("a GNU long name replaces the short one", async () => {
  const name = `${"x".repeat(150)}.jpg`;
  const header = patched(await tarOf([[{ name: "././@LongLink" }, `${name}\0`]]), 156, "L");
  const member = await tarOf([[{ name: name.slice(0, 99) }, "data"]]);
  const data = Buffer.concat([header.subarray(0, 1024), member]);
  expect(tarMembers(saved(data))).toEqual([{ name, offset: 1536, bytes: 4 }]);
});

test.each<readonly [string, Header, RegExp]>([
  ["an absolute name", { name: "/etc/passwd" }, /"\/etc\/passwd" .*absolute/],
  ["a name that climbs", { name: "a/../../b.jpg" }, /holds "\.\."/],
  ["a symbolic link", { name: "a.jpg", type: "symlink", linkname: "/etc/passwd" }, /"a.jpg" .*symbolic link/],
  ["a hard link", { name: "a.jpg", type: "link", linkname: "b.jpg" }, /hard link/],
  ["a device", { name: "a.jpg", type: "character-device" }, /device/],
  ["a pipe", { name: "a.jpg", type: "fifo" }, /pipe/],
])("refuses %s and names archive and member", async (_, header, message) => {
  const path = saved(await tarOf([[header, ""]]));
  expect(() => tarMembers(path)).toThrow(DataError);
  expect(() => tarMembers(path)).toThrow(message);
  expect(() => tarMembers(path)).toThrow(path);
});

test("refuses a name that occurs twice, a truncated archive, a wrong checksum, and what is no tar", async () => {
  const twice = await tarOf([
    [{ name: "a.jpg" }, "1"],
    [{ name: "a.jpg" }, "2"],
  ]);
  expect(() => tarMembers(saved(twice))).toThrow(/occurs twice/);
  const whole = await tarOf([[{ name: "a.jpg" }, "x".repeat(3000)]]);
  expect(() => tarMembers(saved(whole.subarray(0, 1500)))).toThrow(
    /"a.jpg" .*the archive ends inside it \(3000 bytes expected, 988 left\)/,
  );
  const damaged = Buffer.from(whole);
  damaged[3] = 65;
  expect(() => tarMembers(saved(damaged))).toThrow(/checksum/);
  expect(() => tarMembers(saved(Buffer.alloc(2000, 7)))).toThrow(/no tar header at byte 0/);
});

test("refuses sizes and headers beyond the limits without reading them", async () => {
  const one = await tarOf([[{ name: "a.jpg" }, "1"]]);
  expect(() => tarMembers(saved(patched(one, 124, "77777777777\0")))).toThrow(/too large/);
  const pax = Buffer.concat([patched(patched(one, 156, "x"), 124, "00010000000\0").subarray(0, 512), Buffer.alloc(1 << 21)]);
  expect(() => tarMembers(saved(pax))).toThrow(/a header of 2097152 bytes/);
});
