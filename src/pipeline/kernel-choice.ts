import { defaultKernels, type KernelTable } from "../engine/kernels.ts";
import type { RunSpec } from "../runs/spec.ts";

/** The kernel table for a new run. */
export async function chooseKernels(_spec: RunSpec): Promise<KernelTable> {
  return defaultKernels;
}
