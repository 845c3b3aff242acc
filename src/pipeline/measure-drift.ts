import { createLoader } from "../data/loader.ts";
import type { DataSource, SampleRecord } from "../data/source.ts";
import { keep, release, scope } from "../engine/scope.ts";
import { item, type Weights } from "../engine/tensor.ts";
import {
  type Alignment,
  alignmentOf,
  type FeatureDrift,
  featureDrift,
  type PairEmbeddings,
  type PartDistance,
  parameterDistances,
} from "../evaluation/drift.ts";
import { createEmbedder, type ImageBatches } from "../evaluation/embedder.ts";
import { computeWeights, type Precision } from "../models/clip.ts";
import type { LoadedModel } from "../models/load.ts";
import { isPrompt } from "../models/prompts.ts";
import { EvergreenError } from "../util/errors.ts";
import { hashOf } from "../util/hash.ts";
import type { Random } from "../util/random.ts";
import { clipTokenizer, imagePreprocess } from "./assemble.ts";

/** Pairs of the reference batch. */
const driftPairs = 1024;

/** One state of a model: the weights of a checkpoint, or of a file. */
export interface DriftState {
  readonly name: string;
  load(): Promise<LoadedModel>;
}

/** How far one state is from the start, and how its two modalities lie. */
export interface DriftRow {
  readonly state: string;
  readonly parameters: readonly PartDistance[];
  readonly image: FeatureDrift;
  readonly text: FeatureDrift;
  readonly alignment: Alignment;
  /** Modality gap less the start's. */
  readonly gapChange: number;
  /** exp(logit_scale). */
  readonly scale: number;
}

/** The pairs that features are compared on. */
export interface ReferencePairs {
  readonly records: readonly SampleRecord[];
  /** Of the sets and the ids drawn: rows over other pairs must not be compared. */
  readonly digest: string;
}

export interface DriftOptions {
  readonly batchSize: number;
  readonly precision: Precision;
  readonly onState?: (state: string, index: number, of: number) => void;
}

/**
 * A fixed reference batch of the given sets: pairs drawn from all of them together (purpose `drift/probe`), of each set the test split, or the training split where
 * there is no other. An image goes with its first caption.
 */
export function referencePairs(sources: readonly DataSource[], random: Random, count = driftPairs): ReferencePairs {
  const all = sources.flatMap((source) => {
    const test = source.records("test");
    return test.length > 0 ? test : source.records("train");
  });
  const chosen = random.at("drift/probe").permutation(all.length).subarray(0, count).sort();
  const records = Array.from(chosen, (item) => all[item]).filter((record) => record !== undefined);
  return { records, digest: hashOf([sources.map(({ name, fingerprint }) => [name, fingerprint]), records.map(({ id }) => id)]) };
}

/**
 * Drift of each state from the start, over weights and over the features of the pairs; the first row is the start itself. Prompts, which a start may lack, have a part in features alone.
 * Two models are in memory at a time.
 * @throws {EvergreenError} for a state with other parameters than the start's.
 */
export async function measureDrift(
  start: DriftState,
  states: readonly DriftState[],
  pairs: ReferencePairs,
  options: DriftOptions,
): Promise<readonly DriftRow[]> {
  const of = states.length + 1;
  options.onState?.(start.name, 0, of);
  const from = await start.load();
  const loader = await createLoader({
    seed: 0,
    preprocess: imagePreprocess(from.preprocess),
    transforms: { test: { name: "none" } },
    maxRows: options.batchSize,
  });
  const before = embedded(from, pairs, { ...options, images: loader });
  try {
    const rows = [rowOf({ name: start.name, model: from, features: before }, { model: from, features: before })];
    for (const [index, state] of states.entries()) {
      options.onState?.(state.name, index + 1, of);
      const model = await state.load();
      checkAlike(model, from, [state.name, start.name]);
      const features = embedded(model, pairs, { ...options, images: loader });
      rows.push(rowOf({ name: state.name, model, features }, { model: from, features: before }));
      release([model.model, features]);
    }
    return rows;
  } finally {
    release([from.model, before]);
    await loader.close();
  }
}

interface Measured {
  readonly model: LoadedModel;
  readonly features: PairEmbeddings;
}

function rowOf(now: Measured & { readonly name: string }, start: Measured): DriftRow {
  const alignment = alignmentOf(now.features);
  return {
    state: now.name,
    parameters: parameterDistances(withoutPrompts(now.model), withoutPrompts(start.model)),
    image: featureDrift(now.features.image, start.features.image),
    text: featureDrift(now.features.text, start.features.text),
    alignment,
    gapChange: alignment.modalityGap - alignmentOf(start.features).modalityGap,
    scale: scaleOf(now.model),
  };
}

function embedded(
  { model, preprocess }: LoadedModel,
  { records }: ReferencePairs,
  { batchSize, precision, images }: DriftOptions & { readonly images: ImageBatches },
): PairEmbeddings {
  return scope(() => {
    const embedder = createEmbedder({
      model: computeWeights(model, precision),
      preprocess,
      images,
      transform: "test",
      tokenize: clipTokenizer(),
      batchSize,
    });
    try {
      return keep({ image: embedder.images(records), text: embedder.texts(records.map(({ captions }) => captions[0] ?? "")) });
    } finally {
      embedder.close();
    }
  });
}

const withoutPrompts = ({ model }: LoadedModel): Weights => new Map([...model.weights].filter(([name]) => !isPrompt(name)));

const scaleOf = ({ model }: LoadedModel): number => {
  const scale = model.weights.get("logit_scale");
  return scope(() => Math.exp(scale ? item(scale) : Number.NaN));
};

function checkAlike(a: LoadedModel, b: LoadedModel, [nameA, nameB]: readonly [string, string]): void {
  const shapes = (of: LoadedModel): string => JSON.stringify([...withoutPrompts(of)].map(([name, { shape }]) => [name, shape]));
  if (shapes(a) === shapes(b)) return;
  throw new EvergreenError(`drift: ${nameA} has other parameters than ${nameB}`, {
    code: "EG-4213",
    exit: "data",
    fix: "give two states of one architecture",
  });
}
