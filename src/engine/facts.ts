import { availableParallelism } from "node:os";
import { native } from "./binding.ts";
import { EngineError } from "./engine-error.ts";
import { hostDevice } from "./host.ts";
import { type Device, guard } from "./tensor.ts";

/** What decides the engine's bits beside the weights and the data. */
export interface EngineInfo {
  readonly threads: number;
  /** Instruction set of libtorch's own kernels, as `AVX512`; `AVX512_AMX` where there are matrix registers for bfloat16. */
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

/**
 * The device that `engine.device` means here: `auto` is the processor. Asked for CUDA it opens libtorch's CUDA library.
 * @throws {EngineError} of kind `unavailable` that says what is missing: library, driver or device.
 */
export function checkDevice(device: string): Device {
  if (device === "auto" || device === hostDevice) return hostDevice;
  const cuda = /^cuda(?::(\d+))?$/.exec(device);
  if (cuda) return checkCuda(device, Number(cuda[1] ?? 0));
  throw new EngineError("unavailable", `device ${device}: this build of the engine computes on ${hostDevice} and cuda`, { fix: toAuto });
}

const toAuto = "set engine.device to auto";

function checkCuda(device: string, index: number): Device {
  const { missing, devices } = guard("openCuda", () => native.openCuda());
  if (missing.length > 0)
    throw new EngineError("unavailable", `device ${device}: missing ${missing.join("; ")}`, {
      fix: `${toAuto}, or point EVERGREEN_LIBTORCH at a CUDA build of libtorch on a machine with an NVIDIA driver`,
    });
  if (index >= devices)
    throw new EngineError("unavailable", `device ${device}: missing a device: the driver shows ${devices}, counted from 0`, {
      fix: toAuto,
    });
  return device;
}

/** From now on this process ends with its parent, whatever it is doing. The parent's id. */
export const dieWithParent = (): number => native.dieWithParent();
