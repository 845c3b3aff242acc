import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { augments, loadAugment } from "../../src/data/augment.ts";
import { type OpenedImage, openImage, openPixels } from "../../src/data/decode.ts";
import { createLoader } from "../../src/data/loader.ts";
import { preprocessOf } from "../../src/data/transform.ts";
import { createRandom } from "../../src/util/random.ts";
import { ownCache } from "../fixtures/data/own-cache.ts";
import { judgedParts } from "../fixtures/judged-parts.ts";

// What is true of every augmentation.

const root = ownCache("augments-");
const size = 12;
const preprocess = preprocessOf({ size });
const picture = (width: number, height: number): OpenedImage =>
  openPixels({ width, height, bands: 3, kind: "rgb", data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 251) });

describe.each(judgedParts("augment"))("%s", (name) => {
  const drawn = async (image: OpenedImage, index: number, seed = 1): Promise<Uint8Array> =>
    (await loadAugment({ name }))(image, { preprocess, draws: createRandom(seed).at("crop/update", { task: 1, index }) });

  test("says what it is and refuses an option it does not know", async () => {
    const { summary, options } = await augments.load(name);
    expect(summary).toMatch(/^\S.{20,}\.$/);
    expect(options.safeParse({ unheardOf: 1 }).success).toBe(false);
  });

  test("makes a whole square of an image of any size, the same of the same draws", async () => {
    const side = fc.integer({ min: 1, max: 70 });
    await fc.assert(
      fc.asyncProperty(side, side, fc.nat(1000), async (width, height, index) => {
        const made = await drawn(picture(width, height), index);
        expect(made).toBeInstanceOf(Uint8Array);
        expect(made).toHaveLength(size * size * 3);
        expect(await drawn(picture(width, height), index)).toEqual(made);
      }),
      { numRuns: 25 },
    );
  });

  test("makes the same picture in a thread of the loader", async () => {
    const data = Buffer.from(Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (i * 37) % 251));
    const path = join(root, "picture.png");
    await sharp(data, { raw: { width: 40, height: 30, channels: 3 } })
      .png()
      .toFile(path);
    const draws = { purpose: "crop/update", task: 1, index: 7 };
    const rows = [{ id: "a/0", image: { kind: "file" as const, path }, transform: "train", draws }];
    const loader = await createLoader({ seed: 1, preprocess, transforms: { train: { name } }, maxRows: 1, workers: 1 });
    try {
      loader.start({ firstStep: 0, rowsAt: (step) => (step === 0 ? rows : undefined) });
      const planes = loader.take(0)?.images ?? new Uint8Array();
      const own = await drawn(await openImage(readFileSync(path), path), 7);
      // [3, S, S] of the batch against [S, S, 3].
      const area = size * size;
      expect([...planes.subarray(0, 3 * area)]).toEqual(
        Array.from({ length: 3 * area }, (_, i) => own[(i % area) * 3 + Math.floor(i / area)]),
      );
    } finally {
      await loader.close();
    }
  });

  test("changes nothing of the image it was given", async () => {
    const image = picture(40, 30);
    const before = (await image.pixels()).data.slice();
    await drawn(image, 3);
    expect((await image.pixels()).data).toEqual(before);
  });
});
