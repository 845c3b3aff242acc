import fc from "fast-check";
import { expect, test } from "vitest";
import { type CaptionPair, checkMerged, joinCaptions } from "../../src/data/caption-merge.ts";
import { clipContextLength, tokenCount } from "../../src/models/tokenizer.ts";

const limit = { countTokens: tokenCount, maxTokens: clipContextLength };
const pair = (facts: Partial<CaptionPair> = {}): CaptionPair => ({
  path: "a.jpg",
  className: "red fox",
  classCaption: "A photo of a red fox.",
  synthetic: "an animal in the snow",
  ...facts,
});
const refusal = (merged: string, of: CaptionPair = pair()): string => {
  try {
    checkMerged([of], [merged], limit);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

test("join puts the synthetic caption behind the class caption, as a sentence of its own", () => {
  expect(joinCaptions(pair(), limit)).toBe("A photo of a red fox. an animal in the snow");
  expect(joinCaptions(pair({ classCaption: "red fox", synthetic: " two\n words " }), limit)).toBe("red fox. two words");
  expect(joinCaptions(pair({ classCaption: 'The "red fox."' }), limit)).toBe('The "red fox." an animal in the snow');
});

test("join cuts whole words from the end, no more than it takes", () => {
  // "a photo of a red fox ." and the two marks are 9 tokens: 68 words of one token each fit.
  const merged = joinCaptions(pair({ synthetic: Array.from({ length: 100 }, () => "snow").join(" ") }), limit);
  expect(merged).toBe(`A photo of a red fox. ${Array.from({ length: 68 }, () => "snow").join(" ")}`);
  expect(tokenCount(merged)).toBe(77);
});

test("join passes the checks of every caption for any text, where the class caption fits and holds its name", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 60 });
  const name = fc.oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
    fc.constantFrom("C++", "Σίσυφος", "İ", "a.b|c", "$& $1"),
  );
  const template = fc.constantFrom("A photo of a {}.", "{}", "a sketch of {}", '"{}": a texture', "{}, a type of pet!", "{} ".repeat(9));
  const longer = fc.array(fc.oneof(text, fc.constantFrom("&amp;", "Ã©", "\u0345", "snow", "<end_of_text>")), { maxLength: 60 });
  fc.assert(
    fc.property(name, template, longer, (className, form, words) => {
      const given = pair({ className, classCaption: form.replaceAll("{}", () => className), synthetic: words.join(" ") });
      fc.pre(className.trim() !== "" && tokenCount(given.classCaption.trim()) <= 77);
      const merged = joinCaptions(given, limit);
      // One caption in a hundred may have no room for a second sentence, or none to add.
      const others = Array.from({ length: 99 }, () => pair());
      checkMerged([given, ...others], [merged, ...others.map((other) => joinCaptions(other, limit))], limit);
    }),
    { numRuns: 150 },
  );
});

test("join refuses a class caption that is too long alone, and one without its name as whole words", () => {
  const long = pair({ classCaption: `red fox ${"snow ".repeat(74)}` });
  expect(() => joinCaptions(long, limit)).toThrow(/^a\.jpg: its class caption has 78 tokens, expected at most 77/);
  expect(joinCaptions(pair({ classCaption: `red fox ${"snow ".repeat(73)}` }), limit)).toBe(`red fox ${"snow ".repeat(73)}`.trim());
  expect(() => joinCaptions(pair({ classCaption: "many red foxes" }), limit)).toThrow(/does not hold "red fox" as whole words/);
});

test("a caption has at most 77 tokens, start and end counted", () => {
  expect(refusal(`red fox ${"snow ".repeat(73)}`)).toBe("");
  expect(refusal(`red fox ${"snow ".repeat(74)}`)).toBe("of 1 merged captions 1 longer than 77 tokens: a.jpg has 78 tokens");
});

test.each([
  ["in other letters and over a line's end", "The RED\n Fox!", "red fox", true],
  ["inside of a word", "a colored fox", "red fox", false],
  ["as the beginning of a word", "red foxes", "red fox", false],
  ["before an underscore", "red fox_2", "red fox", false],
  ["before an accent that stands alone", "a cafe\u0301", "cafe", false],
  ["with marks that a pattern would read", "code in c++, and more", "C++", true],
  ["with a dot that stands for itself", "axb", "a.b", false],
  ["not at all", "an animal", "red fox", false],
  ["nothing said", "", "red fox", false],
])("the class name %s", (_, text, className, holds) => {
  expect(refusal(text, pair({ className })) === "").toBe(holds);
});

test("one caption in a hundred may be one of its two again, in other letters too; a second may not", () => {
  const pairs = Array.from({ length: 199 }, (_, i) => pair({ path: `${i}.jpg`, synthetic: "a red fox in snow" }));
  const merged = (equal: number): readonly string[] => pairs.map((_, i) => (i < equal ? "A red  FOX in snow" : "the red fox here"));
  checkMerged(pairs, merged(1), limit);
  expect(() => checkMerged(pairs, merged(2), limit)).toThrow(
    "of 199 merged captions 2 equal to one of the two captions (at most 1 may be): 0.jpg is one of its two captions; 1.jpg is one of its two captions",
  );
  expect(() => checkMerged(pairs, [...pairs.slice(0, 2).map((each) => each.classCaption), ...merged(0).slice(2)], limit)).toThrow(
    /2 equal to/,
  );
});

test("all violations are counted and the first five of a kind named", () => {
  const pairs = Array.from({ length: 9 }, (_, i) => pair({ path: `${i}.jpg` }));
  const merged = pairs.map((_, i) => (i === 8 ? `red fox ${"snow ".repeat(80)}` : "an animal"));
  expect(() => checkMerged(pairs, merged, limit)).toThrow(
    /^of 9 merged captions 1 longer than 77 tokens, 8 without the class name: 8\.jpg has 84 tokens; 0\.jpg lacks "red fox"; .*4\.jpg lacks "red fox"; and 3 more$/,
  );
});
