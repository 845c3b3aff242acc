import { expect, test } from "vitest";
import { publishedMethod, publishedMethods } from "./published.ts";

test("multipliers have four decimals, one as the table prints it", () => {
  const of = (name: string): number | undefined => publishedMethod(name)?.multiplier;
  expect(of("full-ft")).toBe(1);
  expect(of("locked-image")).toBe(0.2551);
  // 37.5761 / 46.5917 is 0.80650.
  expect(of("locked-text")).toBe(0.8064);
  expect(of("lora-64")).toBe(0.873);
  expect(of("galore")).toBeUndefined();
  expect(publishedMethods()).toHaveLength(16);
});

test("what a method learns is what it is named for", () => {
  expect(publishedMethod("locked-image")?.sides).toEqual({ image: { kind: "none" }, text: { kind: "all" } });
  expect(publishedMethod("vera-4")?.sides.text).toEqual({ kind: "adapter", form: "vera", rank: 4 });
  expect(publishedMethod("ewc")?.stepsAtTaskEnd).toBe(98);
});
