import { expect, test } from "vitest";
import { DataLimitError, UnreadableImageError } from "./data-error.ts";
import { openImage } from "./decode.ts";
import { tiffDirectory } from "./tiff-file.ts";

interface Kind {
  readonly photometric?: number;
  readonly bits?: number;
  readonly samples?: number;
  readonly extra?: number;
  readonly format?: number;
  readonly compression?: number;
  readonly order?: "II" | "MM";
}

/** A TIFF of 2 x 1 pixels, all zeros, in one strip behind its directory. */
function tiff({ photometric = 1, bits = 8, samples = 1, extra, format, compression = 1, order = "II" }: Kind): Uint8Array {
  const [width, height] = [2, 1];
  const bytes = Buffer.alloc(400);
  const short = (value: number, at: number) => (order === "II" ? bytes.writeUInt16LE(value, at) : bytes.writeUInt16BE(value, at));
  const depths = Array<number>(samples).fill(bits);
  const tags: (readonly [number, readonly number[]])[] = [
    [256, [width]],
    [257, [height]],
    [258, depths],
    [259, [compression]],
    [262, [photometric]],
    [273, [300]],
    [277, [samples]],
    [278, [height]],
    [279, [Math.ceil((width * samples * bits) / 8)]],
    ...(extra === undefined ? [] : [[338, [extra]] as const]),
    ...(format === undefined ? [] : [[339, [format]] as const]),
  ];
  const word = (value: number, at: number) => (order === "II" ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at));
  bytes.write(order);
  short(42, 2);
  word(8, 4);
  short(tags.length, 8);
  for (const [i, [tag, values]] of tags.entries()) {
    const at = 10 + 12 * i;
    const apart = values.length > 2;
    short(tag, at);
    short(3, at + 2);
    word(values.length, at + 4);
    if (apart) word(200, at + 8);
    for (const [k, value] of values.entries()) short(value, (apart ? 200 : at + 8) + 2 * k);
  }
  return bytes;
}

test.each<readonly [string, Kind, string]>([
  ["grey", {}, "grey"],
  ["big-endian grey", { order: "MM" }, "grey"],
  ["one bit", { bits: 1 }, "indexed"],
  ["16-bit grey", { bits: 16 }, "grey-16"],
  ["RGB", { photometric: 2, samples: 3 }, "rgb"],
  ["RGB with a fourth sample of no meaning", { photometric: 2, samples: 4, extra: 0 }, "rgb"],
  ["RGB with alpha", { photometric: 2, samples: 4, extra: 2 }, "rgb-alpha"],
  ["big-endian 16-bit RGB", { photometric: 2, samples: 3, bits: 16, order: "MM" }, "rgb"],
  ["grey with a second sample of no meaning", { samples: 2, extra: 0 }, "grey"],
  ["grey with alpha", { samples: 2, extra: 2 }, "grey-alpha"],
  ["CMYK", { photometric: 5, samples: 4 }, "cmyk"],
])("a TIFF of %s is opened in Pillow's mode", async (_, kind, expected) => {
  const image = await openImage(tiff(kind), "a.tif");
  expect(image.kind).toBe(expected);
  expect(await image.pixels()).toMatchObject({ width: 2, height: 1 });
});

test("a fourth sample of no meaning keeps a TIFF from the native pass, which would weigh colours with it", async () => {
  expect((await openImage(tiff({ photometric: 2, samples: 3 }), "a.tif")).pipeline).toBeDefined();
  expect((await openImage(tiff({ photometric: 2, samples: 4, extra: 0 }), "a.tif")).pipeline).toBeUndefined();
});

test.each<readonly [string, Kind]>([
  ["YCbCr samples that are not JPEG in one plane", { photometric: 6, samples: 3 }],
  ["CIELAB samples", { photometric: 8, samples: 3 }],
  ["CMYK of 4 x 16 bits", { photometric: 5, samples: 4, bits: 16 }],
  ["signed samples", { format: 2 }],
  ["signed samples", { bits: 16, format: 2 }],
  ["floating-point samples", { bits: 32, format: 3 }],
  ["premultiplied alpha", { photometric: 2, samples: 4, extra: 1 }],
  ["inverted grey of 1 x 16 bits", { photometric: 0, bits: 16 }],
  ["grey of 1 x 16 bits, big-endian", { bits: 16, order: "MM" }],
  ["RGB of 5 x 8 bits", { photometric: 2, samples: 5, extra: 0 }],
  ["photometric interpretation 32845 of 3 x 8 bits", { photometric: 32_845, samples: 3 }],
])("a TIFF of %s is refused, because its pixels would not be Pillow's", async (content, kind) => {
  const opened = openImage(tiff(kind), "a.tif");
  await expect(opened).rejects.toThrow(UnreadableImageError);
  await expect(opened).rejects.toThrow(
    `a.tif: expected a TIFF of grey, RGB, palette or CMYK samples as Pillow reads them, got ${content}; `,
  );
  await expect(opened).rejects.toThrow("convert it to PNG");
});

test("a directory that lies outside of the file, or claims more than it has, gives defaults and ends", () => {
  for (const bytes of [Uint8Array.of(0x49, 0x49, 42, 0, 255, 255, 255, 255), Uint8Array.of(0x4d, 0x4d, 0, 43)])
    expect(tiffDirectory(bytes)).toMatchObject({ samples: 1, bits: [1], compression: 1 });
  const many = Uint8Array.from(tiff({ photometric: 2, samples: 3 }));
  many[8] = many[9] = 255;
  expect(tiffDirectory(many)).toMatchObject({ samples: 3, bits: [8, 8, 8], photometric: 2 });
});

test("bytes changed at will give pixels or an error that names the image, never another", async () => {
  const whole = tiff({ photometric: 2, samples: 3 });
  for (let i = 0; i < 300; i++) {
    const bytes = Uint8Array.from(whole);
    for (let k = 0; k < 2; k++) bytes[2 + ((i * 7919 + k * 104_729) % 150)] = (i * 31 + k * 17) & 255;
    const error: unknown = await openImage(bytes, "a.tif", { maxPixels: 10_000 })
      .then((image) => image.pixels())
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    if (error !== undefined) expect([UnreadableImageError, DataLimitError], String(error)).toContain((error as Error).constructor);
  }
});
