import { expect, test } from "vitest";
import { entries } from "../../test/engine/small-models.ts";
import { mergeToys } from "../../test/engine/toy-merges.ts";
import { countOf } from "./magnitude-cut.ts";

test("a share's count is rounded down, but not by the product's own rounding", () => {
  expect(countOf(0.29, 100)).toBe(29);
  expect(countOf(1 / 3, 6)).toBe(2);
  expect(countOf(0.999, 10)).toBe(9);
  expect(countOf(0, 10)).toBe(0);
  expect(countOf(0.8, 428_000_000)).toBe(342_400_000);
});

/** The definition: ranked by magnitude, then by place; the first go, and of the others the largest, equal ones from the front. */
function sorted(values: readonly number[], remove: number, top: number): number[] {
  const order = values.map((_, i) => i).sort((i, j) => Math.abs(values[i] ?? 0) - Math.abs(values[j] ?? 0) || i - j);
  const low = order.slice(0, countOf(remove, values.length));
  const rest = order.slice(low.length).sort((i, j) => Math.abs(values[j] ?? 0) - Math.abs(values[i] ?? 0) || i - j);
  const dropped = new Set([...low, ...rest.slice(0, countOf(top, values.length))]);
  return values.map((value, i) => (dropped.has(i) ? 0 : value));
}

test("what stays is what sorting leaves, with many equal magnitudes, over the tower and in each tensor, for any block", async () => {
  for (const [seed, levels, remove, top] of [
    [3, 4, 0.5, 0.2],
    [4, 2, 0.3, 0.3],
    [5, 50, 0.8, 0.1],
    [6, 1, 0.4, 0.4],
    [7, 1e9, 0.61, 0.02],
    [8, 3, 0, 0.7],
  ] as const) {
    const drawn = (size: number, more: number) =>
      Array.from(entries(size, seed + more), (x) => Math.fround(Math.ceil(Math.abs(x) * levels) * Math.sign(x)));
    const models = [
      { a: drawn(70, 10), b: drawn(33, 20) },
      { a: drawn(70, 30), b: drawn(33, 40) },
    ] as const;
    for (const block of [7, 1000]) {
      const one = async (scope: string, name: string) =>
        (await mergeToys({ operator: { name, remove, top, scope }, models: [models[1]], block })) as { a: Float32Array; b: Float32Array };
      const both = sorted([...models[1].a, ...models[1].b], remove, top);
      for (const name of ["breadcrumbs", "breadcrumbs-ties"]) {
        const tower = await one("tower", name);
        expect(
          [...tower.a, ...tower.b].map((x) => x + 0),
          `${name} ${seed} ${block}`,
        ).toEqual(both.map((x) => x + 0));
        const { a } = await one("tensor", name);
        expect(
          [...a].map((x) => x + 0),
          `${name} ${seed} ${block}`,
        ).toEqual(sorted(models[1].a, remove, top).map((x) => x + 0));
      }
      // Each task vector has a cut of its own.
      const sum = (await mergeToys({ operator: { name: "breadcrumbs", remove, top, scope: "tower" }, models, block })) as {
        a: Float32Array;
      };
      const first = sorted([...models[0].a, ...models[0].b], remove, top);
      expect([...sum.a]).toEqual(models[0].a.map((_, i) => Math.fround((first[i] ?? 0) + (both[i] ?? 0))));
    }
  }
});
