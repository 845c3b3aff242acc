#!/usr/bin/env node
// 1,000 resamples of 63 sets, alone and of two runs together: node bench/bootstrap.mjs [--sets 63] [--items 10000] [--resamples 1000] [--rounds 3]. Needs dist/.
import { readOptions } from "./options.mjs";
import { median, timed } from "./statistics.mjs";

const options = readOptions(import.meta.url, {
  sets: { type: "string", default: "63" },
  items: { type: "string", default: "10000" },
  resamples: { type: "string", default: "1000" },
  rounds: { type: "string", default: "3" },
});
const { bootstrapTriple, pairedBootstrap } = await import("../dist/evaluation/bootstrap.js");
const { createRandom } = await import("../dist/util/random.js");
const [sets, items, resamples, rounds] = [options.sets, options.items, options.resamples, options.rounds].map(Number);

/** One set in twenty is a retrieval set of five captions an image, the others have one outcome an item. */
function outcomesOf(run) {
  return Array.from({ length: sets }, (_, i) => {
    const draws = createRandom(run).at(`bench/outcomes/${i}`);
    const chance = 0.1 + (0.8 * i) / sets;
    const hits = () => Uint8Array.from({ length: items }, () => (draws.uniform() < chance ? 1 : 0));
    const captions = () => Float64Array.from({ length: items }, () => Math.floor(6 * draws.uniform() * chance));
    const directions =
      i % 20 === 0 ? [{ hits: hits() }, { hits: captions(), trials: new Float64Array(items).fill(5) }] : [{ hits: hits() }];
    return { set: `set-${i}`, items, directions };
  });
}

const [a, b] = [outcomesOf(0), outcomesOf(1)];
const half = Math.ceil((2 * sets) / 3);
const groups = { streamed: a.slice(0, half), heldOut: a.slice(half) };
const found = Array.from({ length: rounds }, (_, round) => ({
  triple: timed(() => bootstrapTriple(createRandom(round), groups, resamples)),
  paired: timed(() => pairedBootstrap(createRandom(round), { a, b }, resamples)),
}));
const of = (side) => ({
  seconds: median(found.map((round) => round[side].seconds)),
  processorSeconds: median(found.map((round) => round[side].processorSeconds)),
});
process.stdout.write(`${JSON.stringify({ sets, items, resamples, rounds, triple: of("triple"), paired: of("paired") }, undefined, 2)}\n`);
