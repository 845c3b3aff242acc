import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createLoader } from "../data/loader.ts";
import type { Concept, DataSource, SampleRecord } from "../data/source.ts";
import { scope } from "../engine/scope.ts";
import { item, readFloats } from "../engine/tensor.ts";
import { type ClosableEmbedder, createEmbedder } from "../evaluation/embedder.ts";
import { computeWeights, type Precision } from "../models/clip.ts";
import type { LoadedModel } from "../models/load.ts";
import { type MatchingOptions, matchingLoss, type PairTable } from "../streams/matching-loss.ts";
import { StreamError } from "../streams/stream.ts";
import { hashOf } from "../util/hash.ts";
import { cacheRoot, type Env } from "../util/paths.ts";
import { createRandom, type Random } from "../util/random.ts";
import { clipTokenizer, imagePreprocess } from "./assemble.ts";
import { type ConceptScores, readScores, writeScores } from "./scores-file.ts";

export interface ScoreOptions {
  readonly loaded: LoadedModel;
  /** Digest of the scorer's weights: what is cached belongs to it. */
  readonly digest: string;
  readonly precision: Precision;
  readonly batchSize: number;
  readonly seed: number;
  /** Pairs of a concept, and distractor pairs; fewer where there are fewer. */
  readonly pairs: number;
  readonly distractors: number;
  readonly over: MatchingOptions["over"];
  /** Where distractors come from; without it text embeddings alone are made. */
  readonly pool?: readonly DataSource[];
  readonly env: Env;
  onProgress?(set: string, done: number, total: number): void;
}

type Scored = Required<Pick<ConceptScores, "text">> & Pick<ConceptScores, "matchingLoss">;

/**
 * Text embeddings of the concepts' prompts and, with a pool, their matching losses. Each data set's result is kept in the cache by what it was made from, so that a
 * second call, or one after an interruption, does only what is left. A concept's draw has its own purpose: other concepts never change it.
 */
export async function scoreConcepts(sets: readonly DataSource[], options: ScoreOptions): Promise<Omit<ConceptScores, "frequency">> {
  const { loaded, digest, precision, seed, pairs, distractors, over, pool } = options;
  const total = sets.reduce((sum, set) => sum + set.concepts().length, 0);
  const scorer = { digest, precision, seed, pairs, distractors, over, pool: pool?.map(({ fingerprint }) => fingerprint) ?? null };
  const session = await openSession(options);
  try {
    const found: Scored[] = [];
    let done = 0;
    for (const set of sets) {
      const concepts = set.concepts();
      const tell = (inside: number): void => options.onProgress?.(set.name, done + inside, total);
      tell(0);
      found.push(
        await cached(concepts, hashOf({ scorer, set: set.fingerprint, name: set.name }), options.env, () => session.score(set, tell)),
      );
      done += concepts.length;
      tell(0);
    }
    const concepts = sets.flatMap((set) => set.concepts().map(({ id }) => id));
    const values = new Float32Array(concepts.length * loaded.model.config.embedDim);
    let at = 0;
    for (const { text } of found) {
      values.set(text.values, at);
      at += text.values.length;
    }
    const losses = pool ? { matchingLoss: found.flatMap((each) => each.matchingLoss ?? []) } : {};
    return {
      concepts,
      ...losses,
      text: { width: loaded.model.config.embedDim, values },
      about: { model: digest, precision, seed, ...(pool ? { pairs, distractors, over } : {}) },
    };
  } finally {
    await session.close();
  }
}

interface Session {
  score(set: DataSource, tell: (done: number) => void): Scored;
  close(): Promise<void>;
}

async function openSession(options: ScoreOptions): Promise<Session> {
  const { loaded, precision, batchSize, seed, pool } = options;
  const { model, preprocess } = loaded;
  const loader = await createLoader({
    seed: 0,
    preprocess: imagePreprocess(preprocess),
    transforms: { test: { name: "none" } },
    maxRows: batchSize,
  });
  const embedder = createEmbedder({
    model: computeWeights(model, precision),
    preprocess,
    images: loader,
    transform: "test",
    tokenize: clipTokenizer(),
    batchSize,
  });
  const random = createRandom(seed);
  const width = model.config.embedDim;
  let distractors: PairTable | undefined;
  return {
    score(set, tell) {
      const concepts = set.concepts();
      const template = set.templates[0] ?? "{}";
      const prompts = concepts.map(({ name }) => template.replaceAll("{}", name));
      const text = { width, values: scope(() => readFloats(embedder.texts(prompts))) };
      if (!pool) return { text };
      distractors ??= pairsOf(
        embedder,
        drawn(
          pool.flatMap((each) => each.records("train")),
          options.distractors,
          { random, purpose: "stream/performance" },
        ),
        width,
      );
      const scale = scope(() => Math.exp(item(logitScale(loaded))));
      const byId = new Map(set.records("train").map((record) => [record.id, record]));
      const matching = concepts.map((concept, i) => {
        const records = drawn(recordsOf(concept, byId), options.pairs, { random, purpose: `stream/performance/${concept.id}` });
        const loss = matchingLoss(pairsOf(embedder, records, width), distractors as PairTable, { scale, over: options.over });
        tell(i + 1);
        return loss;
      });
      return { text, matchingLoss: matching };
    },
    async close() {
      embedder.close();
      await loader.close();
    },
  };
}

function logitScale({ model }: LoadedModel) {
  const found = model.weights.get("logit_scale");
  if (!found) throw new Error("internal: a model without logit_scale");
  return found;
}

function recordsOf({ samples }: Concept, byId: ReadonlyMap<string, SampleRecord>): readonly SampleRecord[] {
  return samples.flatMap((id) => byId.get(id) ?? []);
}

/** `count` of the records without replacement, or all of them. */
function drawn(
  records: readonly SampleRecord[],
  count: number,
  { random, purpose }: { readonly random: Random; readonly purpose: string },
): readonly SampleRecord[] {
  const order = random.at(purpose).permutation(records.length).subarray(0, count);
  return Array.from(order, (index) => records[index] as SampleRecord);
}

function pairsOf(embedder: ClosableEmbedder, records: readonly SampleRecord[], width: number): PairTable {
  if (records.length === 0) throw new StreamError("a concept or pool without training samples cannot be scored", "leave it out");
  return scope(() => {
    const captions = records.map(({ captions: [first = ""] }) => first);
    const rows = records.length;
    return {
      image: { rows, width, values: readFloats(embedder.images(records)) },
      text: { rows, width, values: readFloats(embedder.texts(captions)) },
    };
  });
}

async function cached(concepts: readonly Concept[], key: string, env: Env, make: () => Scored): Promise<Scored> {
  const folder = join(cacheRoot(env), "scores");
  const file = join(folder, `${key.slice(0, 32)}.safetensors`);
  const known = await readScores(file).catch(() => undefined);
  if (known?.text && known.about.key === key)
    return { text: known.text, ...(known.matchingLoss ? { matchingLoss: known.matchingLoss } : {}) };
  const made = make();
  mkdirSync(folder, { recursive: true });
  await writeScores(file, { concepts: concepts.map(({ id }) => id), ...made, about: { key } });
  return made;
}
