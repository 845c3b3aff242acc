import { expect, test } from "vitest";
import { type EmojiConcept, partOf, plainText, yearOfVersion } from "./emoji-concepts.ts";

const concept = (about: Partial<EmojiConcept>): EmojiConcept => ({
  hex: "1f418",
  openmojiFile: "1F418",
  label: "elephant",
  tags: ["animal"],
  group: "animals-nature",
  subgroup: "animal-mammal",
  version: 0.6,
  year: 2010,
  openmojiAuthor: "",
  ...about,
});

test("versions have the years of Unicode's release history", () => {
  const table = [0.6, 0.7, 1, 2, 3, 4, 5, 11, 12, 12.1, 13, 13.1, 14, 15, 15.1, 16, 17].map((version) => [version, yearOfVersion(version)]);
  expect(Object.fromEntries(table)).toEqual({
    0.6: 2010,
    0.7: 2014,
    1: 2015,
    2: 2015,
    3: 2016,
    4: 2016,
    5: 2017,
    11: 2018,
    12: 2019,
    12.1: 2019,
    13: 2020,
    13.1: 2020,
    14: 2021,
    15: 2022,
    15.1: 2023,
    16: 2024,
    17: 2025,
  });
  expect(() => yearOfVersion(18)).toThrow("emoji version 18 has no year");
});

test("things up to emoji 5 are the pool, later ones are new", () => {
  expect(partOf(concept({}))).toBe("pool");
  expect(partOf(concept({ version: 5 }))).toBe("pool");
  expect(partOf(concept({ version: 11 }))).toBe("new");
});

test("hands and hearts are the pool's, people, faces and symbols have sets of their own", () => {
  expect(partOf(concept({ group: "people-body", subgroup: "hand-prop" }))).toBe("pool");
  expect(partOf(concept({ group: "people-body", subgroup: "hands" }))).toBe("pool");
  expect(partOf(concept({ group: "people-body", subgroup: "person-role" }))).toBe("people");
  expect(partOf(concept({ group: "smileys-emotion", subgroup: "heart" }))).toBe("pool");
  expect(partOf(concept({ group: "smileys-emotion", subgroup: "face-smiling" }))).toBe("faces");
  expect(partOf(concept({ group: "symbols", subgroup: "zodiac" }))).toBe("symbols");
});

test("flags and new people belong to no part", () => {
  expect(partOf(concept({ group: "flags" }))).toBeUndefined();
  expect(partOf(concept({ group: "people-body", subgroup: "hand-prop", version: 14 }))).toBeUndefined();
});

test("labels lose case and curly quotes, not accents", () => {
  expect(plainText(" Eight O’Clock “CL” Brasília ")).toBe("eight o'clock cl brasília");
});
