import type { Json } from "../util/json.ts";
import type { Environment } from "./spec-references.ts";

/** Variables that may change results or explain a failure, and hold neither secrets nor paths. Nothing else of the environment is stored. */
const recordedVariables = [
  "CUDA_VISIBLE_DEVICES",
  "EVERGREEN_KERNELS",
  "EVERGREEN_OFFLINE",
  "JOB_COMPLETION_INDEX",
  "KMP_AFFINITY",
  "MKL_DYNAMIC",
  "MKL_NUM_THREADS",
  "OMP_DYNAMIC",
  "OMP_NUM_THREADS",
  "RANK",
  "SLURM_JOB_ID",
  "SLURM_PROCID",
  "SLURM_RESTART_COUNT",
  "TORCHELASTIC_RESTART_COUNT",
  "WORLD_SIZE",
] as const;

/** What env.json holds. */
export interface RunEnvironment {
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  readonly variables: Readonly<Record<string, string>>;
  /** What the engine and the driver say of themselves, and digests of data and model. */
  readonly facts: Readonly<Record<string, Json>>;
}

/** The machine as far as it bears on results. */
export function environmentOf(env: Environment, facts: Readonly<Record<string, Json>>): RunEnvironment {
  const variables = recordedVariables.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return { node: process.versions.node, platform: process.platform, arch: process.arch, variables: Object.fromEntries(variables), facts };
}
