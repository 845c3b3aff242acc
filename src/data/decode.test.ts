import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { DataLimitError, UnreadableImageError } from "./data-error.ts";
import { openImage } from "./decode.ts";
import { jpegHeader } from "./image-format.ts";
import { ImageReader } from "./read-image.ts";

const folder = mkdtempSync(join(tmpdir(), "decode-"));
const flat = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: "#204060" } });

test("an image of too many pixels is refused by its header, before anything is decoded", async () => {
  const png = await flat(4, 4).png().toBuffer();
  png.writeUInt32BE(60_000, 16);
  png.writeUInt32BE(60_000, 20);
  await expect(openImage(png, "bomb.png")).rejects.toThrow(DataLimitError);
  await expect(openImage(png, "bomb.png")).rejects.toThrow("bomb.png: 60000 x 60000 is more than 100000000 pixels");
  await expect(openImage(await flat(40, 40).png().toBuffer(), "a.png", { maxPixels: 1000 })).rejects.toThrow(/more than 1000 pixels/);
});

test.each<readonly [string, string, RegExp]>([
  ["SVG", '<svg xmlns="http://www.w3.org/2000/svg"/>', /got SVG/],
  ["SVG behind a comment and a byte order mark", "\ufeff<!-- x --><svg/>", /got SVG/],
  ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0", /Git LFS pointer/],
  ["an error page", "<!DOCTYPE html><html></html>", /got HTML/],
  ["nothing", "", /an empty file/],
])("%s is refused by content", async (_, text, message) => {
  await expect(openImage(Buffer.from(text), "a.jpg")).rejects.toThrow(message);
});

test.each(["jpeg", "png", "webp", "gif", "tiff"] as const)("a truncated %s is an error that names it", async (format) => {
  const noise = Buffer.from(Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 31) % 256));
  const whole = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
    .toFormat(format)
    .toBuffer();
  const read = async (bytes: Uint8Array): Promise<number> => (await (await openImage(bytes, "cut")).pixels()).data.length;
  expect(await read(whole)).toBe(64 * 64 * 3);
  await expect(read(whole.subarray(0, Math.floor(whole.length * 0.6)))).rejects.toThrow(UnreadableImageError);
  await expect(read(whole.subarray(0, 20))).rejects.toThrow(/cut: broken/);
});

test.each([
  ["baseline", {}, 3],
  ["progressive", { progressive: true }, 3],
  ["without subsampling", { chromaSubsampling: "4:4:4" }, 3],
  ["grey", {}, 1],
] as const)("a %s JPEG's frame header says what its decoder says", async (_, options, components) => {
  const drawn = flat(123, 77);
  const bytes = await (components === 1 ? drawn.greyscale().toColourspace("b-w") : drawn.withMetadata({ orientation: 6 }))
    .jpeg(options)
    .toBuffer();
  expect(jpegHeader(bytes)).toEqual({ width: 123, height: 77, components });
  expect((await sharp(bytes).metadata()).channels).toBe(components);
  for (let end = 0; end < bytes.length; end += 7) expect([undefined, 123]).toContain(jpegHeader(bytes.subarray(0, end))?.width);
});

test("a JPEG of four components, or none that is plain, is left to its decoder", async () => {
  const cmyk = await flat(9, 9).toColourspace("cmyk").jpeg().toBuffer();
  expect(jpegHeader(cmyk)?.components).toBe(4);
  expect((await openImage(cmyk, "c.jpg")).kind).toBe("cmyk");
  expect(jpegHeader(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0))).toBeUndefined();
});

test("a colour profile changes no pixel", async () => {
  const data = Buffer.from(Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 7) % 256));
  const image = () => sharp(data, { raw: { width: 32, height: 32, channels: 3 } });
  const profiled = await image().withIccProfile("p3", { attach: true }).png().toBuffer();
  const stored = await sharp(profiled, { ignoreIcc: true }).raw().toBuffer();
  expect(Buffer.from((await (await openImage(profiled, "p3.png")).pixels()).data)).toEqual(stored);
  // The profile matters to a reader that heeds it, or this test would say nothing.
  expect(await sharp(profiled).raw().toBuffer()).not.toEqual(stored);
});

test("pipes, folders, missing files and spans beyond the end are errors at once", async () => {
  const reader = new ImageReader();
  const pipe = join(folder, "pipe.jpg");
  execFileSync("mkfifo", [pipe]);
  await expect(reader.open({ kind: "file", path: pipe })).rejects.toThrow(/pipe.jpg: expected a regular file/);
  await expect(reader.open({ kind: "file", path: folder })).rejects.toThrow(/expected a regular file/);
  await expect(reader.open({ kind: "file", path: join(folder, "no.jpg") })).rejects.toThrow(/no.jpg: cannot be opened \(ENOENT/);
  writeFileSync(join(folder, "small.bin"), "1234");
  await expect(reader.open({ kind: "slice", path: join(folder, "small.bin"), offset: 2, bytes: 10 })).rejects.toThrow(
    /at byte 2: expected 10 bytes, the file ends after 2/,
  );
  await expect(reader.open({ kind: "raw", path: join(folder, "small.bin"), offset: 0, width: 2, height: 2 })).rejects.toThrow(
    UnreadableImageError,
  );
  await expect(reader.open({ kind: "slice", path: join(folder, "small.bin"), offset: 0, bytes: 2 ** 40 })).rejects.toThrow(DataLimitError);
});
