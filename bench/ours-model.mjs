import { compose } from "../dist/continual/compose.js";
import { setThreads } from "../dist/engine/facts.js";
import { useKernels } from "../dist/engine/kernels.js";
import { mapFile, read } from "../dist/engine/tensor.js";
import { loadModel } from "../dist/models/load.js";
import { readHeader } from "../dist/models/safetensors.js";
import { objectives } from "../dist/nn/objective.js";
import { optimizers } from "../dist/nn/optimizer.js";
import { kernelsFor } from "../dist/pipeline/kernel-choice.js";
import { createLearner } from "../dist/training/step.js";
import { createRandom } from "../dist/util/random.js";

/**
 * A model in training as OpenCLIP trains one: AdamW with decay 0.2 on matrices alone, gradients clipped to norm 1.
 * @param {{ weights: string, threads?: number, precision?: "fp32" | "bf16", lr?: number }} settings
 */
export async function openLearner({ weights, threads = 2, precision = "fp32", lr = 1e-5 }, methods = compose([])) {
  setThreads(threads);
  useKernels(kernelsFor(process.env));
  const { model: plain } = await loadModel(weights);
  const adapters = methods.adapt(plain, { task: 0, random: createRandom(0) });
  const options = {
    precision,
    objective: await objectives.load("clip"),
    optimizer: await optimizers.load("adamw"),
    optimizerOptions: { betas: [0.9, 0.98], eps: 1e-6 },
    group: (name, shape) => ({ learningRate: lr, decay: shape.length < 2 || /bn|ln|bias|logit_scale/.test(name) ? 0 : 0.2 }),
    clipNorm: 1,
    clampLogitScale: true,
    checkpointing: false,
  };
  return createLearner(adapters ? { ...plain, adapters } : plain, options, { methods });
}

/** Pixels, where a file has them, and token ids. @param {string} path */
export async function batchOf(path) {
  const { entries } = await readHeader(path);
  const entry = (name) => entries.find((each) => each.name === name);
  const [pixels, ids] = [entry("pixels"), entry("ids")];
  return {
    ...(pixels ? { pixels: mapFile(pixels.path, { offset: pixels.offset, dtype: "float32", shape: pixels.shape }) } : {}),
    ids: Int32Array.from(read(mapFile(ids.path, { offset: ids.offset, dtype: "int32", shape: ids.shape }))),
    rows: ids.shape[0],
    length: ids.shape[1],
  };
}
