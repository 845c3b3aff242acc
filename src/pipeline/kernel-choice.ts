import { cpus } from "node:os";
import { engineInfo } from "../engine/facts.ts";
import {
  defaultKernels,
  hasBFloat16Products,
  type KernelTable,
  kernelsFromEnvironment,
  narrowKernels,
  referenceKernels,
} from "../engine/kernels.ts";

/**
 * The kernel table of a new run: by rule of the processor, not by a measurement, so that two runs on one machine always agree.
 * MKL takes its AVX2 path on AMD's processors, where oneDNN's float32 products are up to 1.5 times as fast with AVX-512; without it they are so forward alone (docs/performance.md).
 * Where the processor has no bfloat16 products, as before AVX-512, those of float32 serve them.
 */
export function kernelsFor(env: Readonly<Record<string, string | undefined>>, { name, narrow, bfloat16 } = processor()): KernelTable {
  const asked = kernelsFromEnvironment(env.EVERGREEN_KERNELS);
  if (asked) return asked;
  const rule = /\bIntel\b/i.test(name) ? referenceKernels : narrow ? narrowKernels : defaultKernels;
  return bfloat16 ? rule : { ...rule, bfloat16: "float32" };
}

/** What decides: whether its vectors end at AVX2, and whether it has products of bfloat16. */
interface Processor {
  readonly name: string;
  readonly narrow: boolean;
  readonly bfloat16: boolean;
}

const processor = (): Processor => ({
  name: cpus()[0]?.model ?? "",
  narrow: engineInfo().instructions === "AVX2",
  bfloat16: hasBFloat16Products(),
});
