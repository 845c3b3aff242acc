#!/usr/bin/env node
// A stream of the benchmark's size: ordered, cut, its pools and its file: node bench/stream-build.mjs [--concepts 18381] [--samples 1759782] [--sets 41] [--tasks 200] [--rounds 3]. Needs dist/.
import { readOptions } from "./options.mjs";
import { median, timedAsync } from "./statistics.mjs";

const options = readOptions(import.meta.url, {
  concepts: { type: "string", default: "18381" },
  samples: { type: "string", default: "1759782" },
  sets: { type: "string", default: "41" },
  tasks: { type: "string", default: "200" },
  rounds: { type: "string", default: "3" },
});
const { orderedStream } = await import("../dist/pipeline/stream-of.js");
const { formatManifest, manifestOf, parseManifest } = await import("../dist/streams/manifest.js");
const { updatePool } = await import("../dist/streams/pools.js");
const [count, samples, setCount, tasks, rounds] = [options.concepts, options.samples, options.sets, options.tasks, options.rounds].map(
  Number,
);

/** Concepts of a set, with the samples that fall to each. */
function conceptsOf(set) {
  const name = `set-${String(set).padStart(2, "0")}`;
  const own = Math.floor(((set + 1) * count) / setCount) - Math.floor((set * count) / setCount);
  return Array.from({ length: own }, (_, i) => {
    const at = Math.floor((set * count) / setCount) + i;
    const size = Math.floor(((at + 1) * samples) / count) - Math.floor((at * samples) / count);
    const ids = Array.from({ length: size }, (_, sample) => `${name}/${i}-${sample}`);
    return { id: `${name}/class ${i}`, dataset: name, name: `class ${i}`, samples: ids, stats: {} };
  });
}
const sets = Array.from({ length: setCount }, (_, set) => {
  const concepts = conceptsOf(set);
  return {
    name: `set-${String(set).padStart(2, "0")}`,
    fingerprint: "f",
    classNames: concepts.map(({ name }) => name),
    concepts: () => concepts,
  };
});
const all = sets.flatMap((set) => set.concepts());

/** The stream, the samples of every task's pool looked up once, and the file's text read back. */
async function built(seed) {
  const stream = await orderedStream({ stream: { order: "random", tasks }, seed }, sets, all);
  let drawn = 0;
  for (const [task] of stream.tasks.entries()) {
    const pool = updatePool(stream, task);
    for (let i = 0; i < pool.size; i++) drawn += pool.sample(i).length > 0 ? 1 : 0;
  }
  const manifest = manifestOf(stream, { order: { name: "random" }, seed, origins: [{ from: "here", sets }] });
  const text = formatManifest(manifest);
  return { drawn, bytes: text.length, digest: parseManifest(text, "stream.json").digest };
}

const found = [];
for (let seed = 0; seed < rounds; seed++) found.push(await timedAsync(() => built(seed)));
const [{ result }] = found;
if (result.drawn !== samples) throw new Error(`the tasks' pools hold ${result.drawn} samples, expected ${samples}`);
process.stdout.write(
  `${JSON.stringify({
    ...{ concepts: all.length, samples, tasks, bytes: result.bytes },
    seconds: median(found.map(({ seconds }) => seconds)),
    processorSeconds: median(found.map(({ processorSeconds }) => processorSeconds)),
  })}\n`,
);
