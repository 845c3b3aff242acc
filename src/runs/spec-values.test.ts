import { expect, test } from "vitest";
import { parseBudget } from "./spec-values.ts";

test("an amount of work is a number with a unit, and a word that every object knows is none", () => {
  expect(parseBudget("1.2k samples")).toEqual({ unit: "samples", total: 1200 });
  expect(parseBudget("1 step")).toEqual({ unit: "steps", total: 1 });
  for (const text of ["3 constructor", "3 toString", "3 apples"]) expect(parseBudget(text)).toMatch(/^an amount of work/);
});
