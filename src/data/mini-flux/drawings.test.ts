import { expect, test } from "vitest";
import { exclusions, squashed } from "./drawings.ts";

test("names are joined by letters and digits alone", () => {
  expect(squashed("smiling-face-with-3-hearts")).toBe(squashed("Smiling face with 3 hearts"));
  expect(squashed("flag: São Tomé & Príncipe")).toBe("flagsaotomeandprincipe");
});

test("joins that went wrong and empty drawings are excluded by name", () => {
  expect(exclusions.wrongDrawings.fxemoji).toContain("umbrella");
  expect(exclusions.wrongDrawings["openmoji-black"]).toContain("new button");
  expect(exclusions.nearDuplicates["fluent-3d"]).toContain("diamond suit");
});
