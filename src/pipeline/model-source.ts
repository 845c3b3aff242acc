import { existsSync, readFileSync } from "node:fs";
import type { Methods } from "../continual/compose.ts";
import { ArchitectureError, architecture, type ClipConfig } from "../models/architecture.ts";
import { grownModel, initialiseModel, type LoadedModel, loadModel } from "../models/load.ts";
import { openModelFolder } from "../models/model-folder.ts";
import { parameterCounts, parameters } from "../models/parameters.ts";
import { checkVocabulary } from "../models/vocabulary-part.ts";
import type { PlannedModel } from "../runs/plan.ts";
import type { RunSpec } from "../runs/spec.ts";
import { hashFile, hashOf } from "../util/hash.ts";
import { createRandom } from "../util/random.ts";
import { absentWeights, modelPath } from "./model-path.ts";
import { type NamedWeights, namedWeights } from "./named-weights.ts";

/** A model that a run can start from: what it is, and how to read it when the time comes. */
export interface ModelSource {
  /** How a person comes by the weights, where they are not here and the model can only be planned with. */
  readonly obtain?: string;
  readonly planned: Omit<PlannedModel, "trainable">;
  readonly config: ClipConfig;
  /** Architecture of what was named, where methods add to it. */
  readonly given?: ClipConfig;
  readonly tokenIds?: readonly number[];
  load(): Promise<LoadedModel>;
}

/** Finds what `model.init` names: `random`, `preset:NAME`, `open_clip:ARCHITECTURE/TAG`, or a file or folder of weights. No weight is read. */
export async function findModel(spec: Pick<RunSpec, "model" | "seed">): Promise<ModelSource> {
  const { arch, init } = spec.model;
  if (init === "random") return freshModel(arch, spec.seed);
  const named = namedWeights(init, process.env);
  if (named) checkArchitecture(init, named, arch);
  const path = modelPath(init);
  const opened = await openModelFolder(path, { arch });
  checkVocabulary(path, opened.config.text.vocabSize, opened.tokenIds);
  return {
    planned: { arch, digest: await weightsDigest(opened.files), parameters: parameterCounts(opened.config).total },
    config: opened.config,
    ...(opened.tokenIds ? { tokenIds: opened.tokenIds } : {}),
    load: () => loadModel(path, { arch }),
  };
}

/** The same for a plan: published weights that are not here are known by the shapes of their architecture. */
export async function planModel(spec: Pick<RunSpec, "model" | "seed">): Promise<ModelSource> {
  const { arch, init } = spec.model;
  const named = namedWeights(init, process.env);
  if (!named || named.folder !== undefined) return findModel(spec);
  checkArchitecture(init, named, arch);
  const config = architecture(arch);
  return {
    planned: { arch, digest: hashOf({ init, arch }), parameters: parameterCounts(config).total },
    config,
    obtain: named.obtain,
    load: () => Promise.reject(absentWeights(init, named)),
  };
}

/** A model as methods train it: where they ask for parameters that it lacks, with these, drawn by the seed. */
export function methodModel(found: ModelSource, methods: Pick<Methods, "architecture">, seed: number): ModelSource {
  const config = methods.architecture(found.config);
  if (config === found.config) return found;
  return {
    ...found,
    planned: { ...found.planned, parameters: parameterCounts(config).total },
    config,
    given: found.config,
    async load() {
      const { model, preprocess } = await found.load();
      return { model: grownModel(model, config, createRandom(seed)), preprocess };
    },
  };
}

/** How a run comes by its model: {@link findModel} to train, {@link planModel} to plan. */
export type ModelFinder = typeof findModel;

function checkArchitecture(init: string, named: NamedWeights, arch: string): void {
  if (named.architecture === arch) return;
  throw new ArchitectureError(
    `model.init: ${init} is of the architecture ${named.architecture}, model.arch says ${arch}`,
    `set model.arch to ${named.architecture}`,
  );
}

/** SHA-256 of a weights file; of the list of digests where there are several. */
export async function weightsDigest(files: readonly string[]): Promise<string> {
  const digests = await Promise.all(files.map(hashFile));
  return digests.length === 1 ? (digests[0] ?? "") : hashOf(digests);
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
