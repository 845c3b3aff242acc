import { expect, test } from "vitest";
import { createRandom } from "../../../util/random.ts";
import { openPackages } from "../packages.ts";
import { codeOf } from "./flags.ts";
import { glyphWords } from "./glyphs.ts";
import { checkedIdx } from "./mnist.ts";
import { shapes3dFamily } from "./shapes3d.ts";

test("digits are written out, letters lose their case", () => {
  expect(glyphWords("7", "a monospace font")).toEqual({
    className: "digit seven",
    captions: ["the digit seven", "the number seven", "the digit seven in a monospace font"],
  });
  expect(glyphWords("Q", "a serif font").className).toBe("letter q");
  expect(glyphWords("0", "a serif font").captions[0]).toBe("the digit zero");
});

test("two regional indicators are a country code, anything else is none", () => {
  expect(codeOf({ hex: "1f1e7-1f1f7" })).toBe("br");
  expect(codeOf({ hex: "1f3f4-200d-2620" })).toBeUndefined();
  expect(codeOf({ hex: "1f1e7" })).toBeUndefined();
});

test("rooms have 32 classes of 22 and 8, and captions that name solid, floor and wall", async () => {
  const [set] = await shapes3dFamily(openPackages("unused"), createRandom(0));
  expect(set?.classNames).toHaveLength(32);
  expect(set?.records.filter(({ split }) => split === "train")).toHaveLength(704);
  expect(set?.records.filter(({ split }) => split === "test")).toHaveLength(256);
  const form = /^an? (red|orange|yellow|green|cyan|blue|purple|pink) (cube|cylinder|sphere|capsule) on an? \w+ floor with an? \w+ wall$/;
  for (const { captions } of set?.records ?? []) {
    expect(captions[0]).toMatch(form);
    expect(captions[0]).not.toMatch(/\ba orange/);
  }
});

test("an IDX pair whose sizes disagree is refused", () => {
  const images = Buffer.alloc(16 + 2 * 4);
  images.writeUInt32BE(0x803, 0);
  images.writeUInt32BE(2, 4);
  images.writeUInt32BE(2, 8);
  images.writeUInt32BE(2, 12);
  const labels = Buffer.alloc(8 + 2);
  labels.writeUInt32BE(0x801, 0);
  labels.writeUInt32BE(2, 4);
  expect(checkedIdx(images, labels)).toEqual({ count: 2, width: 2 });
  expect(() => checkedIdx(images.subarray(0, 20), labels)).toThrow("not a pair of IDX files");
  expect(() => checkedIdx(images, labels.subarray(0, 9))).toThrow("not a pair of IDX files");
  expect(() => checkedIdx(Buffer.alloc(3), labels)).toThrow("not a pair of IDX files");
});
