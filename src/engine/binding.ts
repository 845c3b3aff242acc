import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { settleIdleThreads } from "../util/idle-threads.ts";
import { EngineError } from "./engine-error.ts";

/** A live tensor in the addon's table; a freed one is recognised for ever. */
export type Handle = number;
export type NativeResult = Handle | number | boolean | string | null | readonly NativeResult[];

export interface NativeOperator {
  readonly id: number;
  readonly arguments: readonly { readonly name: string; readonly type: string; readonly optional: boolean }[];
  readonly returns: readonly string[];
}

/** The addon's functions; native/addon.cc says what each does. */
export interface Binding {
  resolve(name: string, overload: string): NativeOperator;
  call(id: number, args: readonly unknown[]): NativeResult[];
  fromBytes(data: ArrayBufferView, dtype: string, shape: readonly number[]): Handle;
  toBytes(tensor: Handle, into: ArrayBufferView): void;
  openFile(path: string): number;
  readRun(file: number, offset: number, dtype: string, shape: readonly number[]): Handle | null;
  sumRuns(
    files: readonly number[],
    offsets: readonly number[],
    dtype: string,
    weights: readonly number[],
    size: number,
    base: Handle | null,
  ): { sum: Handle; squares: number[] } | null;
  closeFile(file: number): void;
  mapFile(path: string, offset: number, dtype: string, shape: readonly number[]): Handle;
  describe(tensor: Handle): { shape: number[]; dtype: string; device: string; requiresGrad: boolean };
  free(tensors: readonly Handle[]): void;
  setRequiresGrad(tensor: Handle, on: boolean): void;
  grad(outputs: readonly Handle[], gradients: readonly Handle[] | null, inputs: readonly Handle[]): (Handle | null)[];
  setGradMode(on: boolean): boolean;
  setThreads(count: number): number;
  memory(): { live: number; peak: number; reserved: number; limit: number; metaLive: number; metaPeak: number; tensors: number };
  limitMemory(bytes: number): void;
  resetPeak(): void;
  releaseMemory(): void;
  setKernels(rules: readonly number[], entries: readonly number[], widensBFloat16: boolean): void;
  dieWithParent(): number;
  facts(): { parallel: string; threads: number; instructions: string; config: string; bfloat16: boolean; dynamicThreads: boolean };
  meterStart(): void;
  meterRecomputes(on: boolean): void;
  meterStop(): NativeMeter;
  openCuda(): { missing: string[]; devices: number };
}

export interface NativeMeter {
  readonly flops: number;
  readonly recomputed: number;
  readonly elements: number;
  readonly calls: readonly {
    readonly operator: string;
    readonly shapes: readonly (readonly number[])[];
    readonly count: number;
    readonly flops: number;
    readonly elements: number;
  }[];
}

/** Environment settings under which "fp32" would silently mean less. */
const lowering: Readonly<Record<string, (value: string) => boolean>> = {
  ONEDNN_DEFAULT_FPMATH_MODE: (value) => value.toUpperCase() !== "STRICT",
  DNNL_DEFAULT_FPMATH_MODE: (value) => value.toUpperCase() !== "STRICT",
};

/** @throws {EngineError} when a variable would lower the precision of fp32. */
export function checkEnvironment(env: Readonly<Record<string, string | undefined>>): void {
  for (const [name, lowers] of Object.entries(lowering)) {
    const value = env[name];
    if (value !== undefined && value !== "" && lowers(value))
      throw new EngineError("environment", `${name}=${value} would silently lower the precision of fp32`, { fix: `unset ${name}` });
  }
}

function load(): Binding {
  checkEnvironment(process.env);
  settleIdleThreads(process.env);
  const path = process.env.EVERGREEN_ADDON ?? fileURLToPath(new URL("../../build/evergreen.node", import.meta.url));
  if (!existsSync(path)) throw new EngineError("unavailable", `the engine is not built: ${path} does not exist`);
  try {
    return createRequire(import.meta.url)(path) as Binding;
  } catch (cause) {
    throw new EngineError("unavailable", `the engine cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** The addon of this process, loaded when the engine is first imported. */
export const native: Binding = load();
