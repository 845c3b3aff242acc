import { expect, test } from "vitest";
import { emojiCaptions, taggedLabel, withArticle } from "./captions.ts";

const apple = { label: "red apple", tags: ["apple", "diet", "food", "fruit", "health"], subgroup: "food-fruit" };

test("a drawing has four captions: style, label, tags, kind", () => {
  const concept = { ...apple, hex: "1f34e", openmojiFile: "1F34E", group: "food-drink", version: 0.6, year: 2010, openmojiAuthor: "" };
  expect(emojiCaptions(concept, "outlined")).toEqual([
    "an outlined drawing of red apple",
    "red apple",
    "red apple, apple, diet, food, fruit",
    "food fruit: red apple",
  ]);
});

test("a tag that repeats the label is left out before four are taken", () => {
  expect(taggedLabel({ label: "elephant", tags: ["elephant", "animal"] })).toBe("elephant, animal");
  expect(taggedLabel({ label: "x", tags: ["a", "x", "b", "c", "d", "e"] })).toBe("x, a, b, c, d");
});

test("the article follows the first letter", () => {
  expect([withArticle("oval visor"), withArticle("flat")]).toEqual(["an oval visor", "a flat"]);
});
