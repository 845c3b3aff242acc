import { existsSync, readFileSync } from "node:fs";
import { architecture, type ClipConfig } from "../models/architecture.ts";
import { initialiseModel, type LoadedModel, loadModel } from "../models/load.ts";
import { openModelFolder } from "../models/model-folder.ts";
import { parameterCounts, parameters } from "../models/parameters.ts";
import type { PlannedModel } from "../runs/plan.ts";
import type { RunSpec } from "../runs/spec.ts";
import { EvergreenError } from "../util/errors.ts";
import { hashFile, hashOf } from "../util/hash.ts";
import { createRandom } from "../util/random.ts";
import { presetFolder } from "./preset-folder.ts";

/** A model that a run can start from: what it is, and how to read it when the time comes. */
export interface ModelSource {
  readonly planned: Omit<PlannedModel, "trainable">;
  readonly config: ClipConfig;
  readonly tokenIds?: readonly number[];
  load(): Promise<LoadedModel>;
}

/** Finds what `model.init` names: `random`, `preset:NAME`, or a file or folder of weights. No weight is read. */
export async function findModel(spec: Pick<RunSpec, "model" | "seed">): Promise<ModelSource> {
  const { arch, init } = spec.model;
  if (init === "random") return freshModel(arch, spec.seed);
  const path = modelPath(init);
  const opened = await openModelFolder(path, { arch });
  return {
    planned: { arch, digest: await weightsDigest(opened.files), parameters: parameterCounts(opened.config).total },
    config: opened.config,
    ...(opened.tokenIds ? { tokenIds: opened.tokenIds } : {}),
    load: () => loadModel(path, { arch }),
  };
}

/** SHA-256 of a weights file; of the list of digests where there are several. */
export async function weightsDigest(files: readonly string[]): Promise<string> {
  const digests = await Promise.all(files.map(hashFile));
  return digests.length === 1 ? (digests[0] ?? "") : hashOf(digests);
}

/** Path of a weights file or folder as a config or a flag names it. @throws {EvergreenError} for a preset or hub name that is not here. */
export function modelPath(init: string): string {
  const path = init.startsWith("preset:") ? `${presetFolder}${init.slice("preset:".length)}.safetensors` : init;
  if (existsSync(path)) return path;
  throw new EvergreenError(`model.init: ${init} does not exist`, {
    code: "EG-4401",
    exit: "data",
    fix: "give a .safetensors file, a folder in OpenCLIP's or transformers' form, preset:mini-flux-base, or random",
  });
}

function freshModel(arch: string, seed: number): ModelSource {
  const config = architecture(arch);
  const tokenIds = vocabularyOf(arch);
  const digest = hashOf({
    init: "random",
    seed,
    parameters: parameters(config).map(({ name, shape, init }) => [name, shape, init]),
    tokenIds: tokenIds ?? null,
  });
  return {
    planned: { arch, digest, parameters: parameterCounts(config).total },
    config,
    ...(tokenIds ? { tokenIds } : {}),
    load: async () => initialiseModel(config, createRandom(seed), tokenIds),
  };
}

/** True CLIP ids of an architecture whose token table is a part of CLIP's. */
function vocabularyOf(arch: string): readonly number[] | undefined {
  const file = new URL(`../models/vocabularies/${arch}.json`, import.meta.url);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as number[]) : undefined;
}
