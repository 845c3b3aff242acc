import { expect, test } from "vitest";
import { mergeToy } from "../../test/engine/toy-merges.ts";
import { growthWarning } from "./guard.ts";

/** Growth after each merge of [expert, result so far] against all experts so far, for scalars whose experts move 1 from where they start. */
async function chain(
  operator: { readonly name: string },
  at: { readonly w?: number; readonly steps: number; readonly fromResult: boolean },
) {
  let r = 0;
  let moved = 0;
  const growths: number[] = [];
  for (let i = 1; i <= at.steps; i++) {
    const expert = (at.fromResult ? r : 0) + 1;
    moved += Math.abs(expert);
    const weights = at.w === undefined ? {} : { weights: { each: [1 - at.w, at.w] } };
    [r = Number.NaN] = await mergeToy({ operator, models: [[expert], [r]], ...weights });
    growths.push(Math.abs(r) / (moved / i));
  }
  return growths;
}
const firstWarning = (growths: readonly number[]): number =>
  growths.findIndex((_, i) => growthWarning(growths.slice(0, i + 1)) !== undefined) + 1;

test.each([false, true])(
  "task arithmetic with lambda 1 in a chain is caught by the third merge (experts from the result: %s)",
  async (fromResult) => {
    expect(firstWarning(await chain({ name: "task-arithmetic" }, { steps: 6, fromResult }))).toBe(3);
  },
);

test.each([0.5, 0.85, 0.9, 0.95])("EMA with w = %s never warns", async (w) => {
  for (const fromResult of [false, true]) expect(firstWarning(await chain({ name: "linear" }, { w, steps: 20, fromResult }))).toBe(0);
});

test("growth above the limit warns at once, three rises by a quarter only above 1", () => {
  expect(growthWarning([])).toBeUndefined();
  expect(growthWarning([2])).toBeUndefined();
  expect(growthWarning([2.1])).toMatchObject({ message: expect.stringMatching(/2\.10 times as far/), ends: "where stop" });
  expect(growthWarning([2.1], 3)).toBeUndefined();
  expect(growthWarning([0.6, 0.8, 1.1, 1.4])).toMatchObject({ message: expect.stringMatching(/last three merges/), ends: "never" });
  expect(growthWarning([0.6, 0.8, 1.1, 1.3])).toBeUndefined();
  expect(growthWarning([0.2, 0.3, 0.4, 0.6])).toBeUndefined();
  expect(growthWarning([0.8, 1.1, 1.4])).toBeUndefined();
});
