import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import sharp from "sharp";
import { createLoader } from "../data/loader.ts";
import { engineInfo, setThreads } from "../engine/facts.ts";
import { activeKernels, type KernelTable, useKernels } from "../engine/kernels.ts";
import { defaultMemoryLimit } from "../engine/memory.ts";
import { linear } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import { readFloats, tensor } from "../engine/tensor.ts";
import { kernelsFor } from "../pipeline/kernel-choice.ts";
import type { Env } from "../util/paths.ts";
import { formatBytes } from "../util/units.ts";
import type { Check } from "./doctor-checks.ts";

/** The engine: what it is, whether it computes rightly, how fast. Loading this file loads it. */
export function engineChecks(env: Env): readonly Check[] {
  setThreads();
  useKernels(kernelsFor(env));
  const { libtorch, instructions, threads } = engineInfo();
  const error = productError();
  const wrong = !(error < 1e-4);
  const limit = defaultMemoryLimit();
  const from = env.EVERGREEN_KERNELS ? `EVERGREEN_KERNELS=${env.EVERGREEN_KERNELS}` : "chosen by processor";
  return [
    { name: "engine", state: "ok", text: `libtorch ${libtorch}; ${instructions}; ${threads} threads` },
    {
      name: "kernels",
      state: wrong ? "problem" : "ok",
      text: `${kernelsInWords(activeKernels())} (${from}); ${wrong ? `a product is off by ${error}` : `${speed().toFixed(0)} GFLOP/s`}`,
      ...(wrong ? { cure: "set EVERGREEN_KERNELS=reference, and report it with this page" } : {}),
    },
    limit < 1e9
      ? {
          name: "memory",
          state: "problem",
          text: `the engine may take ${formatBytes(limit)}`,
          cure: "give the machine or container more memory",
        }
      : { name: "memory", state: "ok", text: `the engine may take ${formatBytes(limit)}, 90 % of the machine's or the container's` },
  ];
}

function kernelsInWords({ rule, products = {}, entries, bfloat16 }: KernelTable): string {
  const others = Object.entries(products).map(([product, kernel]) => `${product} by ${kernel}`);
  const exceptions = [...others, ...(entries.length > 0 ? [`${entries.length} exceptions`] : [])].map((each) => `, ${each}`).join("");
  return `float32 products by ${rule}${exceptions}${bfloat16 ? "; bfloat16 products by the same kernels, as this processor has none of its own" : ""}`;
}

const side = 64;

/** Largest difference of a product from plain arithmetic. */
function productError(): number {
  const entries = (shift: number): Float32Array => Float32Array.from({ length: side * side }, (_, i) => Math.sin(i + shift));
  const [x, w] = [entries(0), entries(1)];
  const made = scope(() => readFloats(linear(tensor(x, [side, side], "float32"), tensor(w, [side, side], "float32"))));
  let worst = 0;
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      let sum = 0;
      for (let i = 0; i < side; i++) sum += (x[row * side + i] ?? 0) * (w[column * side + i] ?? 0);
      worst = Math.max(worst, Math.abs(sum - (made[row * side + column] ?? Number.NaN)));
    }
  return worst;
}

/** GFLOP/s of a product of 1024 x 1024, the best of five. */
function speed(): number {
  const size = 1024;
  return scope(() => {
    const x = tensor(new Float32Array(size * size).fill(0.5), [size, size], "float32");
    const times = Array.from({ length: 5 }, () => {
      const began = performance.now();
      scope(() => linear(x, x));
      return performance.now() - began;
    });
    return (2 * size ** 3) / Math.min(...times) / 1e6;
  });
}

const rows = 64;
const batches = 4;

/** Images a second from JPEG files of 640 x 480 to the training transform, through the loader that training uses; `whileOpen` is asked with all its threads alive. */
export async function decodeRate<T>(whileOpen: () => T): Promise<{ readonly check: Check; readonly seen: T }> {
  const folder = mkdtempSync(join(tmpdir(), "evergreen-doctor-"));
  const path = join(folder, "sample.jpg");
  const pixels = Uint8Array.from({ length: 640 * 480 * 3 }, (_, i) => 128 + 100 * Math.sin(i / 97) * Math.cos(i / 12_345));
  writeFileSync(
    path,
    await sharp(pixels, { raw: { width: 640, height: 480, channels: 3 } })
      .jpeg({ quality: 90 })
      .toBuffer(),
  );
  const loader = await createLoader({
    seed: 0,
    preprocess: { size: 224, resizeMode: "shortest", interpolation: "bicubic", fill: 0 },
    transforms: { train: { name: "openclip" } },
    maxRows: rows,
  });
  try {
    loader.start({
      firstStep: 0,
      rowsAt: (step) =>
        step > batches
          ? undefined
          : Array.from({ length: rows }, (_, row) => ({
              id: `doctor/${row}`,
              image: { kind: "file", path },
              transform: "train",
              draws: { purpose: "crop/doctor", task: 0, index: step * rows + row },
            })),
    });
    loader.take(0);
    const began = performance.now();
    for (let step = 1; step <= batches; step++) loader.take(step);
    const rate = (1000 * batches * rows) / (performance.now() - began);
    const seen = whileOpen();
    return { check: { name: "decode", state: "ok", text: `${Math.round(rate)} images/s, JPEG 640x480 to the training transform` }, seen };
  } finally {
    await loader.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
