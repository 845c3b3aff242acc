import { cpus } from "node:os";
import { defaultKernels, type KernelTable, kernelsFromEnvironment, referenceKernels } from "../engine/kernels.ts";

/**
 * The kernel table of a new run: by rule of the processor, not by a measurement, so that two runs on one machine always agree.
 * MKL takes its AVX2 path on AMD's processors, where oneDNN's float32 products are up to 1.5 times as fast (docs/performance.md).
 */
export function kernelsFor(env: Readonly<Record<string, string | undefined>>, processor = cpus()[0]?.model ?? ""): KernelTable {
  return kernelsFromEnvironment(env.EVERGREEN_KERNELS) ?? (/\bIntel\b/i.test(processor) ? referenceKernels : defaultKernels);
}
