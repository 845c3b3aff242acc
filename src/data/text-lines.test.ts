import { expect, test } from "vitest";
import { linesIn } from "./text-lines.ts";

test("a byte order mark, line ends of either kind and empty lines are no text", () => {
  expect(linesIn("\ufeff one two \r\n\r\nthree\n \n")).toEqual(["one two", "three"]);
  expect(linesIn("")).toEqual([]);
});
