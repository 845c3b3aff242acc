// Evergreen as one side of a benchmark: a long-lived child with the commands of bench/peers/openclip_step.py.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createLoader } from "../dist/data/loader.js";
import { noGrad } from "../dist/engine/grad.js";
import { meter } from "../dist/engine/meter.js";
import { argmax, concat, indexSelect, linear, matmul, to } from "../dist/engine/ops.js";
import { scope } from "../dist/engine/scope.js";
import { read, tensor } from "../dist/engine/tensor.js";
import { embedImage, embedText } from "../dist/models/clip.js";
import { learn } from "../dist/training/step.js";
import { batchOf, openLearner } from "./ours-model.mjs";
import { serve } from "./serve.mjs";

/** @type {any} */
const state = {};

function oneStep() {
  const { pixels, ids, rows, length } = state.batch;
  const pairs = { pixels, texts: { ids, rows, length }, textOf: Int32Array.from({ length: rows }, (_, i) => i) };
  return learn(state.learner, pairs, { multiplier: 1, step: state.steps++ });
}

const commands = {
  start: () => ({ seconds: performance.now() / 1000 }),
  async model({ weights, threads = 2, precision = "fp32", lr = 1e-5 }) {
    const began = performance.now();
    state.settings = { threads, precision, lr };
    state.steps = 0;
    state.learner = await openLearner({ weights, ...state.settings });
    return { seconds: (performance.now() - began) / 1000, sinceProcessStart: performance.now() / 1000 };
  },
  async batch({ file }) {
    state.batch = await batchOf(file);
    return { pairs: state.batch.rows };
  },
  step() {
    const began = performance.now();
    const result = oneStep();
    return { seconds: (performance.now() - began) / 1000, loss: result.loss, gradientNorm: result.gradientNorm };
  },
  /** What one step computes, counted where libtorch dispatches it. */
  count() {
    return { flops: meter(oneStep).flops };
  },
  async zeroShot({ images, batch, classes }) {
    const { ids, rows, length } = await batchOf(classes);
    const model = { ...state.learner.compute, statistics: "running" };
    const began = performance.now();
    const hits = new Array(rows).fill(0);
    let textSeconds = 0;
    scope(() =>
      noGrad(() => {
        const parts = [];
        for (let from = 0; from < rows; from += batch) {
          const end = Math.min(rows, from + batch);
          parts.push(scope(() => embedText(model, { ids: ids.subarray(from * length, end * length), rows: end - from, length })));
        }
        const table = concat(parts, 0);
        textSeconds = (performance.now() - began) / 1000;
        const pool = state.batch.rows;
        for (let from = 0; from < images; from += batch) {
          const at = Array.from({ length: Math.min(batch, images - from) }, (_, i) => (from + i) % pool);
          const found = scope(() =>
            read(argmax(linear(embedImage(model, indexSelect(state.batch.pixels, 0, tensor(at, [at.length], "int64"))), table), 1)),
          );
          for (const label of found) hits[Number(label)]++;
        }
      }),
    );
    return { seconds: (performance.now() - began) / 1000, textSeconds, images, batch, classes: rows, predictions: hits };
  },
  async load({ folder, size, batch, workers, images, resampler = "fast" }) {
    const files = readdirSync(folder)
      .filter((name) => name.endsWith(".jpg"))
      .sort();
    const loader = await createLoader({
      seed: 0,
      preprocess: { size, resizeMode: "shortest", interpolation: "bicubic", fill: 0 },
      transforms: { train: { name: "openclip", resampler } },
      maxRows: batch,
      workers,
    });
    const row = (i) => ({
      id: `jpeg/${i}`,
      image: { kind: "file", path: join(folder, files[i % files.length]) },
      transform: "train",
      draws: { purpose: "crop/update", task: 0, index: i },
    });
    loader.start({ firstStep: 0, rowsAt: (step) => Array.from({ length: batch }, (_, i) => row(step * batch + i)) });
    for (let step = 0; step < 2; step++) loader.take(step);
    const began = performance.now();
    let seen = 0;
    for (let step = 2; seen < images; step++) seen += loader.take(step).rows.length;
    const seconds = (performance.now() - began) / 1000;
    await loader.close();
    return { seconds, images: seen, imagesPerSecond: seen / seconds, workers, resampler };
  },
  /** The machine's own rate: a square bf16 (or fp32) product, GFLOP/s, best of several. */
  rate({ precision = "bf16", n = 2048, repeats = 20 }) {
    let best = Number.POSITIVE_INFINITY;
    scope(() =>
      noGrad(() => {
        const fill = () =>
          to(
            tensor(
              Float32Array.from({ length: n * n }, (_, i) => ((i * 2654435761) % 1000) / 1000 - 0.5),
              [n, n],
              "float32",
            ),
            precision === "bf16" ? "bfloat16" : "float32",
          );
        const [a, b] = [fill(), fill()];
        for (let i = 0; i < repeats; i++) {
          const began = performance.now();
          scope(() => (precision === "bf16" ? matmul(a, b) : linear(a, b)));
          best = Math.min(best, performance.now() - began);
        }
      }),
    );
    return { gflops: (2 * n ** 3) / best / 1e6 };
  },
};

await serve(commands, () => ({ settings: state.settings }));
