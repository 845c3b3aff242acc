import { availableParallelism } from "node:os";
import { native } from "./binding.ts";
import { EngineError } from "./engine-error.ts";
import { guard } from "./tensor.ts";

/** What decides the engine's bits beside the weights and the data. */
export interface EngineInfo {
  readonly threads: number;
  /** Instruction set of libtorch's own kernels, as `AVX512`. */
  readonly instructions: string;
  /** libtorch's description of itself. */
  readonly libtorch: string;
}

/** Sets the number of compute threads; undefined takes one a processor. */
export function setThreads(count?: number): number {
  return guard("setThreads", () => native.setThreads(count ?? availableParallelism()));
}

export function engineInfo(): EngineInfo {
  const { threads, instructions, config } = native.facts();
  const version = /TORCH_VERSION=([^,\s]+)/.exec(config)?.[1] ?? "unknown";
  const mkl = /oneAPI Math Kernel Library Version (\S+)/.exec(config)?.[1];
  const dnn = /MKL-DNN (v\S+)/.exec(config)?.[1];
  return { threads, instructions, libtorch: [version, mkl && `mkl ${mkl}`, dnn && `onednn ${dnn}`].filter(Boolean).join(", ") };
}

/** Devices that compute here. Another one is refused with what is missing. */
export function checkDevice(device: string): string {
  if (device === "auto" || device === "cpu") return "cpu";
  throw new EngineError("unavailable", `device ${device}: this build of the engine computes on the cpu alone`, {
    fix: "set engine.device to auto",
  });
}

/** From now on this process ends with its parent, whatever it is doing. The parent's id. */
export const dieWithParent = (): number => native.dieWithParent();
