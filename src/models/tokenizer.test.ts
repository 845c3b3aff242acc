import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { unescapeHtml } from "./html-entities.ts";
import { repairText } from "./repair-text.ts";
import { cleanText, tokenCount, tokenize } from "./tokenizer.ts";
import { composed, lowerCase } from "./unicode-14.ts";
import { endToken, startToken } from "./vocabulary.ts";
import { countUnknown, vocabularyPart } from "./vocabulary-part.ts";

const vectors: readonly (readonly [string, readonly number[]])[] = JSON.parse(
  gunzipSync(readFileSync(new URL("../../test/vectors/tokenizer/texts.json.gz", import.meta.url))).toString(),
);
/** Ids up to the end mark. */
const ids = (text: string, contextLength = 77): number[] => {
  const all = [...tokenize(text, { contextLength })];
  return all.slice(0, all.indexOf(endToken) + 1);
};

// Texts and ids (without the padding) written by scripts/vectors/tokenizer.py from OpenCLIP 3.3.0.
test("ids are OpenCLIP's for every stored text", () => {
  expect(vectors.length).toBeGreaterThanOrEqual(5000);
  const wrong = vectors.filter(([text, expected]) => {
    const got = tokenize(text);
    return got.length !== 77 || got.some((id, i) => id !== (expected[i] ?? 0));
  });
  const shown = wrong
    .slice(0, 8)
    .map(([text, expected]) => ({ text, clean: cleanText(text), expected: expected.join(" "), got: tokenize(text).join(" ") }));
  expect({ wrong: wrong.length, shown }).toEqual({ wrong: 0, shown: [] });
});

test("a photo of a cat, a photo of a dog (backbones.g8)", () => {
  expect(ids("a photo of a cat")).toEqual([49406, 320, 1125, 539, 320, 2368, 49407]);
  expect(ids("a photo of a dog")).toEqual([49406, 320, 1125, 539, 320, 1929, 49407]);
});

test("a caption of 200 words is cut and still ends with the end mark, at any length", () => {
  const caption = "hello world! ".repeat(100);
  for (const length of [77, 24, 3, 2]) {
    const got = tokenize(caption, { contextLength: length });
    expect(got.length).toBe(length);
    expect([got[0], got[length - 1]]).toEqual([startToken, endToken]);
    expect([...got.subarray(1, length - 1)]).toEqual([...tokenize(caption).subarray(1, length - 1)]);
  }
  expect(tokenCount(caption)).toBe(302);
  expect(tokenCount("")).toBe(2);
  // Exactly full: nothing is cut.
  expect(ids("cat ".repeat(75))).toEqual([startToken, ...Array(75).fill(2368), endToken]);
});

test("the end mark is the largest id and every id is in the vocabulary, whatever the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const got = tokenize(text);
      expect(Math.max(...got)).toBe(endToken);
      expect(Math.min(...got)).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 200 },
  );
});

test("cleaning is idempotent on repaired text and composition does not matter", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => {
      const repaired = repairText(text);
      expect(repairText(repaired)).toBe(repaired);
      expect([...tokenize(repaired)]).toEqual([...tokenize(text)]);
    }),
  );
});

// Examples of ftfy's documentation.
test.each([
  ["âœ” No problems", "✔ No problems"],
  ["&macr;\\_(ã\x83\x84)_/&macr;", "¯\\_(ツ)_/¯"],
  ["Broken text&hellip; it&#x2019;s ﬂubberiﬁc!", "Broken text... it's flubberific!"],
  ["ＬＯＵＤ　ＮＯＩＳＥＳ", "LOUD NOISES"],
  ["voilÃ le travail", "voilà le travail"],
  ["P&EACUTE;REZ <b>", "P&EACUTE;REZ <b>"],
  ["\x1b[36;44mblue\x1b[0m", "blue"],
  ["sÃ³ mais Ãºltimo", "só mais último"],
])("%j is repaired", (text, expected) => {
  expect(repairText(text)).toBe(expected.replace("...", "…"));
});

test("Unicode newer than 14 is left alone, as Python 3.11 leaves it", () => {
  // U+A7CB (Unicode 16) has a small letter, U+10D50 (16) too; Σ before one is at a word's end.
  for (const letter of ["\ua7cb", "\u{10d50}"]) {
    expect(lowerCase(letter)).toBe(letter);
    expect(lowerCase(`AΣ${letter}`)).toBe(`aς${letter}`);
    expect(composed(`e\u0301${letter}`)).toBe(`é${letter}`);
  }
  expect(lowerCase("İΣΑΣ ΑΣΑ")).toBe("i̇σας ασα");
  // Letters that have another category since: cased in Unicode 14, and passed over.
  expect(lowerCase("AΣ\u0295")).toBe("aσ\u0295");
  expect(lowerCase("AΣ\u{1171E}B")).toBe("aσ\u{1171E}b");
  expect(lowerCase("AΣ\u{1171E} B")).toBe("aς\u{1171E} b");
});

test("HTML references follow HTML 5's rules for numbers, missing semicolons and long numbers", () => {
  expect(unescapeHtml("&amp &notit; &#128; &#x110000; &#0; &#1;| &#xfdd0;| &copycat &nope; &")).toBe(
    "& ¬it; € \ufffd \ufffd | | ©cat &nope; &",
  );
  expect(unescapeHtml(`&#${"9".repeat(9999)};`)).toBe("\ufffd");
});

test("hostile texts of 100,000 characters take a second or two at most", () => {
  const n = 100_000;
  const texts = [
    "a".repeat(n),
    "ab".repeat(n / 2),
    "é".repeat(n),
    "Ã".repeat(n),
    "Ã©".repeat(n / 2),
    "&".repeat(n),
    `&${"amp;".repeat(n / 4)}`,
    "&#38;".repeat(n / 5),
    "\xc0\x80".repeat(n / 2),
    "\n".repeat(n),
    `${"x".repeat(n - 1)}<`,
  ];
  for (const text of texts) {
    const begun = process.cpuUsage();
    expect(tokenize(text).length).toBe(77);
    expect({ text: text.slice(0, 8), slow: process.cpuUsage(begun).user > 2e6 }).toEqual({ text: text.slice(0, 8), slow: false });
  }
});

test("a part of the vocabulary has the padding and both marks, ascending; what it lacks is counted", () => {
  const part = vocabularyPart([2368, 320, 2368]);
  expect(part).toEqual([0, 320, 2368, 49406, 49407]);
  expect(countUnknown(tokenize("a cat"), part)).toBe(0);
  expect(countUnknown(tokenize("a dog and a dog"), part)).toBe(3);
});
