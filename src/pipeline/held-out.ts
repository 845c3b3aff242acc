import type { Methods } from "../continual/compose.ts";
import type { HeldOutScores, ScoredGroup, Scoring } from "../continual/method.ts";
import { type Concept, type DataSource, type SampleRecord, sizeOf } from "../data/source.ts";
import { meanOf } from "../evaluation/aggregate.ts";
import { createEmbedder, type EmbedderOptions } from "../evaluation/embedder.ts";
import { validationShare } from "../evaluation/held-back.ts";
import type { ComputeWeights } from "../models/clip.ts";
import type { Stream } from "../streams/stream.ts";
import { EvergreenError } from "../util/errors.ts";
import { hashOf } from "../util/hash.ts";
import type { Random } from "../util/random.ts";
import { evaluatedSets } from "./evaluate.ts";
import { validationSource } from "./validation-source.ts";

/** A set that something is held back of. */
interface HeldOutSet {
  /** Its test split is what is held back. */
  readonly source: DataSource;
  /** Of all training samples, held back or not. */
  concepts(): readonly Concept[];
}

/** What weights are scored on while a run trains; no test split is among it. */
export interface HeldOut {
  readonly streamed: readonly HeldOutSet[];
  /** Evaluated sets that are not streamed and have training samples; where there is none, the sets of the pretraining pool. */
  readonly retention: readonly HeldOutSet[];
}

/** All that the scores of a run follow from. */
export interface Scored {
  readonly heldOut: HeldOut;
  readonly stream: Stream;
  readonly scoring: Scoring;
  readonly random: Random;
}

/** The sets of a run that something may be held back of. */
interface Divisible {
  readonly streamed: readonly DataSource[];
  readonly pretraining: readonly DataSource[];
  readonly evaluated: readonly DataSource[];
}

/**
 * A run's data where methods score weights: of each streamed class a fifth of the training samples is trained on no more (purpose `held-out/<set>`), of pretraining sets, where they are scored, as many
 * as that takes. Test splits stay what they are.
 * @throws {EvergreenError} where nothing is left that a method asks for.
 */
export function holdBack<Data extends Divisible>(
  data: Data,
  methods: Methods,
  random: Random,
): { readonly data: Data; readonly heldOut: HeldOut } {
  const cut = (source: DataSource): HeldOutSet => ({
    source: validationSource(source, random, "held-out"),
    concepts: () => source.concepts(),
  });
  const some = (sets: readonly HeldOutSet[]): readonly HeldOutSet[] => sets.filter(({ source }) => sizeOf(source, "test") > 0);
  const streamed = data.streamed.map(cut);
  const names = new Set(data.streamed.map(({ name }) => name));
  const beside = data.evaluated.filter((set) => set.role === "eval" && !names.has(set.name) && sizeOf(set, "train") > 0);
  const evaluated = some(beside.map(cut));
  const fromPool = evaluated.length === 0 && methods.scoring?.of.includes("retention") === true;
  const pool = fromPool ? data.pretraining.map((source) => partOfPool(source, methods.scoring?.perSet ?? 0, random)) : [];
  const heldOut = { streamed: some(streamed), retention: fromPool ? some(pool) : evaluated };
  refuseUnscored(methods, heldOut);
  const trained = {
    streamed: streamed.map(({ source }) => source),
    ...(fromPool ? { pretraining: pool.map(({ source }) => source) } : {}),
  };
  return { data: { ...data, ...trained }, heldOut };
}

/** A pretraining set less so many samples, drawn one by one, a fifth at most: a pool is too large to be shuffled for a handful. */
function partOfPool(source: DataSource, most: number, random: Random): HeldOutSet {
  const size = sizeOf(source, "train");
  const count = Math.min(most, Math.floor(size * validationShare));
  const fingerprint = hashOf([source.fingerprint, "held-out", count, random.seed]);
  const concepts = () => source.concepts();
  const { unopened } = source;
  if (unopened) return { source: { ...source, fingerprint, unopened: { ...unopened, train: size - count, test: count } }, concepts };
  const draws = random.at(`held-out/${source.name}`);
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(draws.below(size));
  const pool = source.records("train");
  const test = [...drawn].sort((a, b) => a - b).map((item): SampleRecord => ({ ...(pool[item] as SampleRecord), split: "test" }));
  const train = pool.filter((_, item) => !drawn.has(item));
  return { source: { ...source, fingerprint, records: (split) => (split === "test" ? test : train), concepts }, concepts };
}

function refuseUnscored({ list }: Methods, { streamed, retention }: HeldOut): void {
  for (const { name, method } of list) {
    const groups = method.scoring?.of ?? [];
    if (groups.length === 0 || groups.some((group) => (group === "retention" ? retention : streamed).length > 0)) continue;
    const isRetention = groups.includes("retention");
    const lacking = isRetention
      ? "no evaluated set beside the streamed ones has training samples, nor is there a pretraining pool"
      : "no streamed class has two training samples";
    throw new EvergreenError(`methods: ${name} is decided by scores on samples held back of training, and ${lacking}`, {
      code: "EG-3135",
      exit: "config",
      fix: isRetention
        ? "add sets with a training split to eval.suite, name data.pretraining and give it a share, or leave the method out"
        : "leave the method out",
    });
  }
}

/** Samples of one set in a group; of a set that was not opened their number alone. */
interface Part {
  readonly source: DataSource;
  readonly images: number;
  readonly records: readonly SampleRecord[];
}

function partsOf({ heldOut, stream, scoring, random }: Scored, task: number, group: ScoredGroup): readonly Part[] {
  const taskOf = new Map(stream.tasks.flatMap(({ concepts }, at) => concepts.map(({ id }) => [id, at] as const)));
  const isWanted = ({ id }: Concept): boolean => {
    const at = taskOf.get(id);
    return at !== undefined && (group === "task" ? at === task : at < task);
  };
  const sets = group === "retention" ? heldOut.retention : heldOut.streamed;
  const draw = {
    purpose: (name: string) => `held-out/drawn/${name}`,
    place: group === "retention" ? {} : { task, index: group === "task" ? 1 : 2 },
  };
  return sets.flatMap(({ source, concepts }): readonly Part[] => {
    const wanted = group === "retention" ? concepts() : concepts().filter(isWanted);
    const { unopened } = source;
    if (unopened) {
      // What is only evaluated may be known without its concepts.
      const share = group === "retention" ? 1 : wanted.length / Math.max(1, concepts().length);
      const images = Math.min(scoring.perSet, Math.round(unopened.test * share));
      return images > 0 ? [{ source, images, records: [] }] : [];
    }
    const ids = new Set(wanted.flatMap(({ samples }) => samples));
    const all = source.records("test");
    const own = group === "retention" ? all : all.filter(({ id }) => ids.has(id));
    const order = random.at(draw.purpose(source.name), draw.place).permutation(own.length).subarray(0, scoring.perSet).sort();
    const records = Array.from(order, (item) => own[item] as SampleRecord);
    return records.length > 0 ? [{ source, images: records.length, records }] : [];
  });
}

/** Scores weights for a task, as a run's methods ask: the headline of each set's usual evaluator, the mean over the sets of a group. */
export function heldOutScorer(
  scored: Scored,
  embedding: Omit<EmbedderOptions, "model" | "transform">,
): (compute: ComputeWeights, task: number) => Promise<HeldOutScores> {
  return async (compute, task) => {
    const embedder = createEmbedder({ ...embedding, model: { ...compute, statistics: "running" }, transform: "test" });
    try {
      const scores: Partial<Record<ScoredGroup, number>> = {};
      for (const group of scored.scoring.of) {
        const parts = partsOf(scored, task, group).map(({ source, records }) => ({ ...source, records: () => records }));
        const values: (number | undefined)[] = [];
        for (const { source, evaluator, options } of await evaluatedSets(parts, new Set())) {
          // Lets messages in.
          await new Promise((resolve) => setImmediate(resolve));
          const { headline, measurements } = evaluator.evaluate(embedder, source, options);
          values.push(measurements.find(({ metric }) => metric === headline)?.value);
        }
        const mean = meanOf(values);
        if (mean !== undefined) scores[group] = mean;
      }
      return scores;
    } finally {
      embedder.close();
    }
  };
}

/** What all scores at the end of each task embed at most. */
export function scoringWork(scored: Scored): readonly { readonly images: number; readonly texts: number }[] {
  const { calls, of } = scored.scoring;
  return scored.stream.tasks.map((_, task) => {
    const parts = of.flatMap((group) => partsOf(scored, task, group));
    return { images: calls * parts.reduce((sum, part) => sum + part.images, 0), texts: calls * textsOf(parts) };
  });
}

/** Prompts of each set's classes, embedded once for all of its groups, and captions of samples that have no class; one a sample where none was opened. */
function textsOf(parts: readonly Part[]): number {
  const classes = new Map(parts.map(({ source }) => [source.name, source.task === "classification" ? source.classNames.length : 0]));
  const captions = parts
    .filter(({ source }) => source.task !== "classification")
    .map(({ images, records }) =>
      Math.max(
        images,
        records.reduce((sum, record) => sum + record.captions.length, 0),
      ),
    );
  return [...classes.values(), ...captions].reduce((sum, each) => sum + each, 0);
}
