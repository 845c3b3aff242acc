#!/usr/bin/env node
// Ordering by similarity at full size, and its ratio to a bound: node bench/stream-order.mjs [--rows 18381] [--bound 2000]
// Seeded, clustered unit vectors of 768 numbers. Needs dist/ and the engine.
import { readOptions } from "./options.mjs";
import { timed } from "./statistics.mjs";

const options = readOptions(import.meta.url, { rows: { type: "string", default: "18381" }, bound: { type: "string", default: "2000" } });
const { rowProducts } = await import("../dist/pipeline/row-products.js");
const { startsOf } = await import("../dist/streams/embedded.js");
const { greedyWalk } = await import("../dist/streams/greedy-walk.js");
const { cosine, nearestRows } = await import("../dist/streams/neighbours.js");
const { improvedWalk } = await import("../dist/streams/path-search.js");
const { createRandom } = await import("../dist/util/random.js");

/** Unit vectors about seeded centres, 41 of them as the published streams have data sets. */
function clustered(rows, width, clusters) {
  const draws = createRandom(0).at("bench/vectors");
  const centres = Array.from({ length: clusters }, () => Float32Array.from({ length: width }, () => draws.normal()));
  const values = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const centre = centres[draws.below(clusters)];
    let square = 0;
    for (let i = 0; i < width; i++) {
      const value = centre[i] + draws.normal();
      values[row * width + i] = value;
      square += value * value;
    }
    for (let i = 0; i < width; i++) values[row * width + i] /= Math.sqrt(square);
  }
  return { rows, width, values };
}

/** The least spanning tree under penalties (Prim): its cost and the degree of each row. */
function leastTree(distances, penalty) {
  const n = penalty.length;
  const degree = new Int32Array(n);
  const near = new Float64Array(n).fill(Infinity);
  const parent = new Int32Array(n).fill(-1);
  // Rows that are left, at the front.
  const left = Int32Array.from({ length: n }, (_, row) => row);
  let cost = 0;
  let row = 0;
  let at = 0;
  for (let count = n; count > 0; ) {
    left[at] = left[--count];
    if (parent[row] >= 0) {
      cost += near[row];
      degree[row]++;
      degree[parent[row]]++;
    }
    let nearest = Infinity;
    let next = 0;
    for (let i = 0; i < count; i++) {
      const other = left[i];
      const length = distances[row * n + other] + penalty[row] + penalty[other];
      if (length < near[other]) {
        near[other] = length;
        parent[other] = row;
      }
      if (near[other] < nearest) {
        nearest = near[other];
        next = i;
      }
    }
    at = next;
    row = left[next];
  }
  return { cost, degree };
}

/**
 * Held and Karp's bound (1970) on a path through all rows by subgradient steps: a least spanning tree under penalties, with a row at distance 0 from all that
 * joins the ends. `upper` is the cost of a known path.
 */
function heldKarp(table, upper, rounds = 1000) {
  const n = table.rows;
  const distances = new Float64Array(n * n);
  for (let a = 0; a < n; a++) for (let b = 0; b < a; b++) distances[a * n + b] = distances[b * n + a] = 1 - cosine(table, a, b);
  const penalty = new Float64Array(n);
  let best = 0;
  let pace = 2;
  for (let round = 0; round < rounds; round++) {
    const { cost, degree } = leastTree(distances, penalty);
    const [first, second] = [...penalty.keys()].sort((a, b) => penalty[a] - penalty[b]);
    degree[first]++;
    degree[second]++;
    const bound = cost + penalty[first] + penalty[second] - 2 * penalty.reduce((a, b) => a + b, 0);
    if (bound > best) best = bound;
    else pace *= 0.97;
    const square = degree.reduce((sum, d) => sum + (d - 2) ** 2, 0);
    if (square === 0) break;
    const step = (pace * (upper - bound)) / square;
    for (let i = 0; i < n; i++) penalty[i] += step * (degree[i] - 2);
  }
  return best;
}

const table = clustered(Number(options.rows), 768, 41);
const random = createRandom(0);
const neighbours = timed(() => nearestRows(table, 512, rowProducts));
const starts = startsOf(table.rows, 16, { random });
const walks = timed(() => Array.from(starts, (start) => greedyWalk(table, neighbours.result, start)));
const best = walks.result.reduce((a, b) => (b.cost < a.cost ? b : a));
const search = timed(() => improvedWalk(table, neighbours.result, best));

const small = clustered(Number(options.bound), 768, 41);
const around = nearestRows(small, 512, rowProducts);
const greedy = Array.from(startsOf(small.rows, 16, { random }), (start) => greedyWalk(small, around, start)).reduce((a, b) =>
  b.cost < a.cost ? b : a,
);
const shorter = improvedWalk(small, around, greedy);
const bound = heldKarp(small, shorter.cost);

process.stdout.write(
  `${JSON.stringify(
    {
      rows: table.rows,
      neighboursSeconds: neighbours.seconds,
      walksSeconds: walks.seconds,
      starts: starts.length,
      cost: { best: best.cost, worst: Math.max(...walks.result.map(({ cost }) => cost)) },
      search: { cost: search.result.cost, seconds: search.seconds },
      heldKarp: { rows: small.rows, bound, greedy: greedy.cost / bound, search: shorter.cost / bound },
    },
    undefined,
    2,
  )}\n`,
);
