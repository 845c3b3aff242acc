import { expect, test } from "vitest";
import type { Concept } from "../../data/source.ts";
import { createRandom } from "../../util/random.ts";
import { bestWalk, greedyWalk } from "../greedy-walk.ts";
import { cosine, nearestRows, type VectorTable } from "../neighbours.ts";
import { orderConcepts } from "../order.ts";
import { improvedWalk } from "../path-search.ts";

/** Unit vectors about seeded centres. */
function clustered(rows: number, width: number, seed: number, clusters = Math.ceil(rows / 20)): VectorTable {
  const draws = createRandom(seed).at("test/vectors");
  const centres = Array.from({ length: clusters }, () => Array.from({ length: width }, () => draws.normal()));
  const values = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const centre = centres[draws.below(clusters)] ?? [];
    const raw = centre.map((value) => value + 0.5 * draws.normal());
    const length = Math.hypot(...raw);
    raw.forEach((value, i) => {
      values[row * width + i] = value / length;
    });
  }
  return { rows, width, values };
}

/** The rule itself, over the whole matrix. */
function plainWalk(table: VectorTable, start: number): { order: number[]; cost: number } {
  const order = [start];
  let cost = 0;
  while (order.length < table.rows) {
    let [best, at] = [Number.NEGATIVE_INFINITY, -1];
    for (let row = 0; row < table.rows; row++) {
      const value = cosine(table, order.at(-1) ?? 0, row);
      if (!order.includes(row) && value > best) [best, at] = [value, row];
    }
    cost += 1 - best;
    order.push(at);
  }
  return { order, cost };
}

const degrees = [0, 200, 10, 300, 25, 90];
const concepts: readonly Concept[] = degrees.map((degree) => ({
  id: `a/${degree}`,
  dataset: "a",
  name: `${degree}`,
  samples: [],
  stats: {},
}));
const onCircle = {
  width: 2,
  of: (id: string) => {
    const angle = (Number(id.slice(2)) * Math.PI) / 180;
    return Float32Array.of(Math.cos(angle), Math.sin(angle));
  },
};

test("the best walk over six directions is the one found by hand", async () => {
  const order = await orderConcepts(concepts, { name: "similarity", starts: "all" }, { random: createRandom(0), embeddings: onCircle });
  // Gaps around the circle: 10, 15, 65, 110, 100, 60. Leaving out the widest, 90–200, is cheapest; the greedy walk from 200 does.
  expect(order.map(({ name }) => Number(name))).toEqual([200, 300, 0, 10, 25, 90]);
});

test("a concept without an embedding is named", async () => {
  const embeddings = { width: 2, of: (id: string) => (id === "a/300" ? undefined : onCircle.of(id)) };
  const result = orderConcepts(concepts, "similarity", { random: createRandom(0), embeddings });
  await expect(result).rejects.toThrow(/1 of 6 concepts have no text embedding, "a\/300"/);
});

test.each([0, 3, 40, 512])("with %i neighbours the walk is the rule's own, from every start", (kept) => {
  const table = clustered(120, 6, 1);
  const neighbours = nearestRows(table, kept);
  for (let start = 0; start < table.rows; start += 7) {
    const walk = greedyWalk(table, neighbours, start);
    const plain = plainWalk(table, start);
    expect([...walk.order]).toEqual(plain.order);
    expect(walk.cost).toBeCloseTo(plain.cost, 10);
  }
});

test("equal cosines go to the lower index", () => {
  const values = Float32Array.from(Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? [1, 0] : [0, 1])).flat());
  const table = { rows: 30, width: 2, values };
  const even = Array.from({ length: 15 }, (_, i) => 2 * i);
  const expected = [4, ...even.filter((row) => row !== 4), ...even.map((row) => row + 1)];
  for (const kept of [4, 64]) expect([...greedyWalk(table, nearestRows(table, kept), 4).order]).toEqual(expected);
});

test("neighbours are the nearest rows by cosine", () => {
  const table = clustered(300, 8, 2);
  const { kept, indices } = nearestRows(table, 20);
  for (let row = 0; row < table.rows; row += 11) {
    const sorted = Array.from({ length: 300 }, (_, other) => other)
      .filter((other) => other !== row)
      .sort((a, b) => cosine(table, row, b) - cosine(table, row, a));
    expect([...indices.subarray(row * kept, (row + 1) * kept)]).toEqual(sorted.slice(0, kept));
  }
});

test("the best walk costs no more than any start tried; a product's rounding does not change it", () => {
  const table = clustered(400, 16, 3);
  const neighbours = nearestRows(table, 64);
  const starts = [3, 50, 399, 120];
  const best = bestWalk(table, neighbours, starts);
  for (const start of starts) expect(best.cost).toBeLessThanOrEqual(greedyWalk(table, neighbours, start).cost);
  const noise = createRandom(4).at("test/noise");
  const rough = nearestRows(table, 64, (values, width, { from, to }) => {
    const block = new Float32Array((to - from) * 400);
    for (let i = 0; i < block.length; i++)
      block[i] = cosine({ rows: 400, width, values }, from + Math.floor(i / 400), i % 400) + (noise.uniform() - 0.5) * 1e-6;
    return block;
  });
  expect([...bestWalk(table, rough, starts).order]).toEqual([...best.order]);
});

test("the search keeps every row, never costs more, and leaves no gainful exchange of near neighbours", () => {
  for (const seed of [5, 6, 7]) {
    const table = clustered(250, 8, seed);
    const neighbours = nearestRows(table, 249);
    const walk = greedyWalk(table, neighbours, 0);
    const better = improvedWalk(table, neighbours, walk);
    expect([...better.order].sort((a, b) => a - b)).toEqual(Array.from({ length: 250 }, (_, row) => row));
    expect(better.cost).toBeLessThan(walk.cost);
    const { order } = better;
    const steps = order.subarray(1).reduce((sum, row, i) => sum + 1 - cosine(table, order[i] ?? 0, row), 0);
    expect(better.cost).toBeCloseTo(steps, 9);
    expect(improvedWalk(table, neighbours, better).cost).toBeCloseTo(better.cost, 9);
  }
});

test("the search undoes one crossing on a circle", () => {
  const angles = [0, 20, 80, 60, 40, 100, 120];
  const values = Float32Array.from(angles.flatMap((angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)]));
  const table = { rows: 7, width: 2, values };
  const walk = { order: Uint32Array.of(0, 1, 2, 3, 4, 5, 6), cost: 0 };
  const found = [...improvedWalk(table, nearestRows(table, 6), walk).order].map((row) => angles[row]);
  expect(found[0] === 0 ? found : found.reverse()).toEqual([0, 20, 40, 60, 80, 100, 120]);
});
