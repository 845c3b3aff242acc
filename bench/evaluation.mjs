#!/usr/bin/env node
// An evaluation as a run makes it beside the forward passes it needs, over the same decoded pictures and the same texts: node bench/evaluation.mjs [--suite mini-flux:adapt,eval] [--model preset:mini-flux-base] [--batch 128] [--precision bf16] [--rounds 20]
// The two take turns. Needs dist/, the engine and the suite's data.
import { readOptions } from "./options.mjs";
import { timedAsync } from "./statistics.mjs";

const options = readOptions(import.meta.url, {
  suite: { type: "string", default: "mini-flux:adapt,eval" },
  model: { type: "string", default: "preset:mini-flux-base" },
  batch: { type: "string", default: "128" },
  precision: { type: "string", default: "bf16" },
  rounds: { type: "string", default: "20" },
});
const { openAll } = await import("../dist/cli/open-suite.js");
const { splitReferences } = await import("../dist/cli/references.js");
const { createLoader } = await import("../dist/data/loader.js");
const { noGrad } = await import("../dist/engine/grad.js");
const { keep, release, scope } = await import("../dist/engine/scope.js");
const { computeWeights, embedImage, embedText } = await import("../dist/models/clip.js");
const { pixelsOf } = await import("../dist/models/pixels.js");
const { distinctTexts } = await import("../dist/models/texts.js");
const { clipTokenizer, imagePreprocess } = await import("../dist/pipeline/assemble.js");
const { loadForUse } = await import("../dist/pipeline/encode.js");
const { evaluateAll, evaluatedSets } = await import("../dist/pipeline/evaluate.js");
const { modelPath } = await import("../dist/pipeline/model-path.js");
const { packItems } = await import("../dist/runs/items.js");
const { createRandom } = await import("../dist/util/random.js");
const [batchSize, rounds] = [options.batch, options.rounds].map(Number);
const precision = options.precision === "fp32" ? "fp32" : "bf16";
const { model, preprocess } = await loadForUse(modelPath(options.model), { env: process.env });
const compute = { ...scope(() => keep(computeWeights(model, precision))), statistics: /** @type {const} */ ("running") };
const tokenize = clipTokenizer();
const sources = (await openAll(splitReferences([options.suite]))).filter((set) => set.records("test").length > 0);
const streamed = new Set(sources.filter(({ role }) => role === "adapt").map(({ name }) => name));
const sets = await evaluatedSets(sources, streamed);

/** Decoded batches by the ids of their rows: what a loader hands over. @type {Map<string, Uint8Array>} */
const decoded = new Map();
const keyOf = (rows) => `${rows[0].id}\n${rows.length}`;
const loader = await createLoader({
  seed: 0,
  preprocess: imagePreprocess(preprocess),
  transforms: { test: { name: "none" } },
  maxRows: batchSize,
});
/** What each set has embedded: keys of its pictures' batches, and its texts in order. @type {{ images: string[], texts: string[] }[]} */
const passes = [];
let isFirst = true;

/** A loader that decodes in the first evaluation and remembers; embedders ask it batch by batch. */
const images = {
  start(plan) {
    this.plan = plan;
    this.isKnown = decoded.has(keyOf(plan.rowsAt(plan.firstStep)));
    if (!this.isKnown) loader.start(plan);
  },
  take(step) {
    const rows = this.plan.rowsAt(step);
    if (!rows) return undefined;
    const key = keyOf(rows);
    if (!this.isKnown) {
      decoded.set(key, loader.take(step).images.slice());
      passes.at(-1)?.images.push(key);
    }
    return { images: decoded.get(key), rows };
  },
};
const asRun = {
  sets,
  preprocess,
  images,
  tokenize: (text, length) => {
    if (isFirst) passes.at(-1)?.texts.push(text);
    return tokenize(text, length);
  },
  batchSize,
  random: createRandom(0),
  trainedAfter: () => new Set(),
  saveItems: (_, flags) => String(packItems(flags).length),
  stopRequested: () => false,
  onSet: () => {
    if (isFirst) passes.push({ images: [], texts: [] });
  },
};
const inRun = () => evaluateAll(compute, { task: 0, step: 0, state: "live" }, asRun, streamed);

await inRun();
const batches = passes.flatMap(({ texts }) =>
  Array.from({ length: Math.ceil(texts.length / batchSize) }, (_, i) => texts.slice(i * batchSize, (i + 1) * batchSize)),
);
const tokens = batches.map((texts) => distinctTexts(texts, tokenize, model.config.text.contextLength).batch);
isFirst = false;

/** The same pictures and texts through the towers, and nothing else. */
async function bare() {
  noGrad(() => {
    for (const batch of tokens) scope(() => void embedText(compute, batch));
    for (const key of passes.flatMap((pass) => pass.images))
      scope(() => void embedImage(compute, pixelsOf(decoded.get(key), Number(key.slice(key.indexOf("\n") + 1)), preprocess)));
  });
}
await bare();
const found = [];
// Who comes first takes turns: what one leaves behind, the other finds.
for (let round = 0; round < rounds; round++) {
  const first = round % 2 === 0 ? await timedAsync(inRun) : undefined;
  const passes = await timedAsync(bare);
  found.push({ evaluation: first ?? (await timedAsync(inRun)), passes });
}
// Other work on the machine only ever adds: the quickest round of each side is the one that says most.
const of = (side, measure) => Math.min(...found.map((each) => each[side][measure]));
await loader.close();
release([model, compute]);
process.stdout.write(
  `${JSON.stringify({
    ...{
      sets: sets.length,
      images: sources.reduce((sum, set) => sum + set.records("test").length, 0),
      texts: batches.flat().length,
      rounds,
    },
    evaluation: { seconds: of("evaluation", "seconds"), processorSeconds: of("evaluation", "processorSeconds") },
    passes: { seconds: of("passes", "seconds"), processorSeconds: of("passes", "processorSeconds") },
    over: of("evaluation", "seconds") / of("passes", "seconds") - 1,
  })}\n`,
);
