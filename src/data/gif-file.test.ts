import sharp from "sharp";
import { expect, test } from "vitest";
import { DataLimitError, UnreadableImageError } from "./data-error.ts";
import { openImage } from "./decode.ts";

const header = (width: number, height: number): number[] => [...Buffer.from("GIF89a"), width & 255, width >> 8, height & 255, height >> 8];
const palette = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9];
const clearFirst = [0x21, 0xf9, 4, 1, 0, 0, 1, 0];
const image = (width: number, height: number): number[] => [0x2c, 0, 0, 0, 0, width & 255, width >> 8, height & 255, height >> 8, 0];
/** Codes of three bits: clear, 0, 1, 2, 1, end; the third index makes a code's width four bits. */
const codes = [2, 3, 0x44, 0x14, 0x05, 0];
const small = Uint8Array.from([...header(2, 2), 0x81, 0, 0, ...palette, ...clearFirst, ...image(2, 2), ...codes, 0x3b]);

const read = async (bytes: Uint8Array): Promise<number[]> => [...(await (await openImage(bytes, "a.gif")).pixels()).data];

async function noise(side: number): Promise<Buffer> {
  const samples = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 40503 + ((i * i) % 65521)) >> 5);
  return sharp(samples, { raw: { width: side, height: side, channels: 3 } })
    .gif()
    .toBuffer();
}

test("a transparent colour is dropped like alpha: it keeps its own red, green and blue", async () => {
  expect(await read(small)).toEqual([255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 255, 0]);
});

test("more codes than the table holds are read as another decoder reads them", async () => {
  const bytes = await noise(200);
  const expected = await sharp(bytes).removeAlpha().raw().toBuffer();
  expect(Buffer.from(await read(bytes)).equals(expected)).toBe(true);
});

test("a GIF that ends anywhere before its last pixel is an error that names it", async () => {
  for (let end = 6; end < small.length - 3; end++) {
    const cut = read(small.subarray(0, end));
    await expect(cut, `${end} bytes`).rejects.toThrow(UnreadableImageError);
    await expect(cut, `${end} bytes`).rejects.toThrow(/a.gif: broken gif/);
  }
});

test.each<readonly [string, readonly number[], RegExp]>([
  ["no image", [...header(2, 2), 0, 0, 0, 0x3b], /no image/],
  ["a frame without pixels", [...header(2, 2), 0, 0, 0, ...image(0, 2), 2, 0], /0 x 2 pixels/],
  ["codes of no bits", [...header(2, 2), 0, 0, 0, ...image(2, 2), 0, 0], /1 to 8 bits, got 0/],
  ["codes of too many bits", [...header(2, 2), 0, 0, 0, ...image(2, 2), 9, 0], /1 to 8 bits, got 9/],
  ["a code that nothing has made", [...header(2, 2), 0, 0, 0, ...image(2, 2), 2, 1, 0x3c, 0], /code 7 is not known yet/],
  ["a frame without codes", [...header(2, 2), 0, 0, 0, ...image(2, 2), 2, 0, 0x3b], /ends after 0 of 4 pixels/],
])("%s is refused by name", async (_, bytes, message) => {
  await expect(read(Uint8Array.from(bytes))).rejects.toThrow(message);
});

test("a canvas or a frame of too many pixels is refused before memory is taken", async () => {
  const large = Uint8Array.from([...header(2, 2), 0, 0, 0, ...image(65_535, 65_535), 2, 0]);
  await expect(read(large)).rejects.toThrow(DataLimitError);
  await expect(read(large)).rejects.toThrow("a.gif: 65535 x 65535 is more than 100000000 pixels");
});

test("bytes changed at will give pixels or an error that names the image, never another", async () => {
  const whole = await noise(12);
  for (let i = 0; i < 1500; i++) {
    const bytes = Uint8Array.from(whole);
    for (let k = 0; k < 3; k++) bytes[6 + ((i * 7919 + k * 104_729) % (bytes.length - 6))] = (i * 31 + k * 17) & 255;
    const error: unknown = await read(bytes).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error !== undefined) expect([UnreadableImageError, DataLimitError], String(error)).toContain((error as Error).constructor);
  }
});
