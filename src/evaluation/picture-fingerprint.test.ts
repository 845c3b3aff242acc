import { describe, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { createFingerprintIndex } from "./fingerprint-index.ts";
import { fingerprintOf, hashDistance, isSamePicture, nearBits, type PictureFingerprint, type RgbPicture } from "./picture-fingerprint.ts";

const picture = (width: number, height: number, level: (x: number, y: number, band: number) => number): RgbPicture => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => level(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3)),
});
/** Nine columns of eight rows: area means are the pixels themselves. */
const small = (level: (x: number, y: number) => number): RgbPicture => picture(9, 8, level);

describe("difference hash", () => {
  test("a bit is set where the right neighbour is brighter, row by row from the lowest bit", () => {
    expect(fingerprintOf(small((x) => 10 * x)).hash).toEqual([0xffffffff, 0xffffffff]);
    expect(fingerprintOf(small((x) => 200 - 10 * x)).hash).toEqual([0, 0]);
    expect(fingerprintOf(small((x, y) => (y === 0 && x >= 1 ? 50 : 0))).hash).toEqual([1, 0]);
    expect(fingerprintOf(small((x, y) => (y === 4 && x === 8 ? 50 : 0))).hash).toEqual([0, 0x80]);
  });
  test("noise of one level in a flat picture sets no bit, and a picture three times as large is near", () => {
    expect(fingerprintOf(small((x, y) => 200 + ((x + y) % 2))).hash).toEqual([0, 0]);
    const shape = (scale: number) =>
      picture(36 * scale, 32 * scale, (x, y) => (Math.hypot(x - 12 * scale, y - 16 * scale) < 9 * scale ? 230 : 20));
    const distance = hashDistance(fingerprintOf(shape(1)).hash, fingerprintOf(shape(3)).hash);
    expect(distance).toBeLessThanOrEqual(nearBits);
  });
  test("distance counts differing bits", () => {
    expect(hashDistance([0, 0], [0xffffffff, 0xffffffff])).toBe(64);
    expect(hashDistance([0b1011, 0x80000000], [0b0001, 0])).toBe(3);
  });
});

test("thumbnails agree when their levels go together, however bright; not when mirrored; flat ones by colour", () => {
  const ramp = fingerprintOf(picture(32, 32, (x, y) => 3 * x + y)).thumbnail;
  expect(isSamePicture(ramp, fingerprintOf(picture(32, 32, (x, y) => 40 + 3 * x + y)).thumbnail)).toBe(true);
  expect(isSamePicture(ramp, fingerprintOf(picture(32, 32, (x, y) => 3 * (31 - x) + y)).thumbnail)).toBe(false);
  const flat = (level: number) => fingerprintOf(picture(20, 20, () => level)).thumbnail;
  expect([isSamePicture(flat(100), flat(102)), isSamePicture(flat(100), flat(110)), isSamePicture(flat(100), ramp)]).toEqual([
    true,
    false,
    false,
  ]);
});

describe("index", () => {
  const draws = createRandom(0).at("test/hashes");
  const thumbnail = fingerprintOf(picture(16, 16, (x, y) => 5 * x + 7 * y)).thumbnail;
  const word = (): number => draws.below(2 ** 32);
  const pictures = Array.from({ length: 300 }, (): PictureFingerprint => ({ hash: [word(), word()], thumbnail }));
  const flipped = ([low, high]: PictureFingerprint["hash"], bits: number): [number, number] => {
    const hash: [number, number] = [low, high];
    for (const bit of draws.permutation(64).subarray(0, bits)) hash[bit >> 5] = ((hash[bit >> 5] as number) ^ (1 << (bit & 31))) >>> 0;
    return hash;
  };
  test("finds every hash with up to six bits changed, as comparing with all of them does, and none with more", () => {
    const index = createFingerprintIndex(pictures);
    for (const [place, { hash }] of pictures.entries())
      for (const bits of [0, 3, 6, 7]) {
        const asked = { hash: flipped(hash, bits), thumbnail };
        const near = pictures.flatMap((other, i) => (hashDistance(asked.hash, other.hash) <= 6 ? [i] : []));
        expect(index.copiesOf(asked)).toEqual(near);
        expect(near.includes(place)).toBe(bits <= 6);
      }
  });
  test("an equal hash with another thumbnail is no copy, and an empty index has none", () => {
    const other = fingerprintOf(picture(16, 16, (x, y) => 7 * x + 5 * (15 - y))).thumbnail;
    expect(createFingerprintIndex(pictures).copiesOf({ hash: pictures[0]?.hash ?? [0, 0], thumbnail: other })).toEqual([]);
    expect(createFingerprintIndex([]).copiesOf({ hash: [0, 0], thumbnail })).toEqual([]);
  });
});
