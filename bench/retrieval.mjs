#!/usr/bin/env node
// Ranks of image-text retrieval beside one matrix product of the same size: node bench/retrieval.mjs [--images 30000] [--captions 30000] [--width 512] [--rounds 3]
// The two take turns, so that other work on the machine weighs on both. Needs dist/ and the engine.
import { resourceUsage } from "node:process";
import { readOptions } from "./options.mjs";
import { median, timed } from "./statistics.mjs";

const options = readOptions(import.meta.url, {
  images: { type: "string", default: "30000" },
  captions: { type: "string", default: "30000" },
  width: { type: "string", default: "512" },
  rounds: { type: "string", default: "3" },
});
const { setThreads } = await import("../dist/engine/facts.js");
const { memory, resetPeak } = await import("../dist/engine/memory.js");
const { add, indexSelect, linear, mulNumber, normalize, slice } = await import("../dist/engine/ops.js");
const { keep, scope } = await import("../dist/engine/scope.js");
const { readFloats, tensor } = await import("../dist/engine/tensor.js");
const { retrievalRanks } = await import("../dist/evaluation/retrieval-metrics.js");
const { createRandom } = await import("../dist/util/random.js");
const [images, captions, width, rounds] = [options.images, options.captions, options.width, options.rounds].map(Number);

/** Entries [rows, width], drawn. */
function drawn(rows, purpose) {
  const draws = createRandom(0).at(purpose);
  return tensor(
    Float32Array.from({ length: rows * width }, () => draws.uniform() - 0.5),
    [rows, width],
    "float32",
  );
}

setThreads();
const owners = Int32Array.from({ length: captions }, (_, caption) => Math.floor((caption * images) / captions));
/** Captions lie about their images as those of a trained model do: most find them among the first. */
const [image, text] = scope(() => {
  const pictures = drawn(images, "bench/images");
  const own = indexSelect(pictures, 0, tensor([...owners], [captions], "int64"));
  return keep([normalize(pictures), normalize(add(own, mulNumber(drawn(captions, "bench/captions"), 4)))]);
});
const block = 1024;
const product = () => {
  for (let from = 0; from < images; from += block) scope(() => void linear(slice(image, 0, from, Math.min(images, from + block)), text));
};
const ranks = () => {
  const similarities = (from, to) => scope(() => readFloats(linear(slice(image, 0, from, to), text)));
  retrievalRanks({ images, owners, similarities });
};

timed(() => scope(() => void linear(slice(image, 0, 0, block), text)));
resetPeak();
const found = Array.from({ length: rounds }, () => ({ product: timed(product), ranks: timed(ranks) }));
const of = (side, measure) => median(found.map((round) => round[side][measure]));
process.stdout.write(
  `${JSON.stringify(
    {
      ...{ images, captions, width, rounds },
      product: { seconds: of("product", "seconds"), processorSeconds: of("product", "processorSeconds") },
      ranks: { seconds: of("ranks", "seconds"), processorSeconds: of("ranks", "processorSeconds") },
      ratio: median(found.map((round) => round.ranks.seconds / round.product.seconds)),
      processorRatio: median(found.map((round) => round.ranks.processorSeconds / round.product.processorSeconds)),
      enginePeakBytes: memory().peak,
      residentPeakBytes: resourceUsage().maxRSS * 1024,
    },
    undefined,
    2,
  )}\n`,
);
