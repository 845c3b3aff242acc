import { type Concept, type DataSource, type SampleRecord, sizeOf, type Unopened } from "../data/source.ts";
import { heldBack, heldCount, validationShare } from "../evaluation/held-back.ts";
import { hashOf } from "../util/hash.ts";
import type { Random } from "../util/random.ts";

/**
 * A view of a set for choosing settings without its test data: of each class a fifth of the training samples, drawn by the seed, takes the place of the test split and
 * is trained on no more. A sample stays whole, its image, class and captions together. The set's own test split is never asked for. Its fingerprint is another one,
 * so no score on it is held against one of the test split.
 * @param purpose What it is drawn for: another purpose holds other samples back.
 */
export function validationSource(source: DataSource, random: Random, purpose = "validation"): DataSource {
  const fingerprint = hashOf([source.fingerprint, purpose, validationShare, random.seed]);
  const { unopened } = source;
  if (unopened) {
    return { ...source, fingerprint, ...countedHeld(source, unopened) };
  }
  const pool = source.records("train");
  const held = heldOf(source, pool, { random, purpose });
  const train = pool.filter((_, item) => held[item] === 0);
  const test = pool.flatMap((record, item): SampleRecord[] => (held[item] === 1 ? [{ ...record, split: "test" }] : []));
  const left = new Set(train.map(({ id }) => id));
  let concepts: readonly Concept[] | undefined;
  return {
    ...source,
    fingerprint,
    records: (split) => (split === "test" ? test : train),
    concepts: () => {
      concepts ??= source.concepts().map((concept) => ({ ...concept, samples: concept.samples.filter((id) => left.has(id)) }));
      return concepts;
    },
  };
}

/** By counts alone: of each concept what would be held back, of a set whose concepts nobody knows a fifth. */
function countedHeld(source: DataSource, unopened: Unopened): Pick<DataSource, "unopened" | "concepts"> {
  const whole = source.concepts();
  const held = whole.map(({ samples }) => heldCount(samples.length));
  const test = whole.length > 0 ? held.reduce((sum, count) => sum + count, 0) : Math.floor(validationShare * unopened.train);
  const left = whole.map((concept, i) => ({ ...concept, samples: concept.samples.slice(held[i]) }));
  return { unopened: { ...unopened, train: unopened.train - test, test }, concepts: () => left };
}

/** What a run streams and is evaluated on. */
interface Validated {
  readonly streamed: readonly DataSource[];
  readonly evaluated: readonly DataSource[];
  readonly leftOut: readonly string[];
}

/** Streamed and evaluated sets as validation views, the same one where a set is both; `leftOut` names those with nothing to hold back as well. */
export function validationData<Data extends Validated>(data: Data, random: Random): Data {
  const known = new Map<string, DataSource>();
  const view = (source: DataSource): DataSource => {
    const found = known.get(source.name) ?? validationSource(source, random);
    known.set(source.name, found);
    return found;
  };
  const evaluated = data.evaluated.map(view);
  const isEmpty = (source: DataSource): boolean => sizeOf(source, "test") === 0;
  return {
    ...data,
    streamed: data.streamed.map(view),
    evaluated: evaluated.filter((source) => !isEmpty(source)),
    leftOut: [...data.leftOut, ...evaluated.filter(isEmpty).map(({ name }) => name)],
  };
}

/** A class outside of the evaluation's list is not scored, so none of it is held back. */
function heldOf(
  source: DataSource,
  pool: readonly SampleRecord[],
  { random, purpose }: { readonly random: Random; readonly purpose: string },
): Uint8Array {
  const names = [...new Set(pool.map(({ className }) => className ?? ""))].sort();
  const numberOf = new Map(names.map((name, number) => [name, number]));
  const scored = new Set(source.classNames);
  const held = heldBack(
    random,
    pool.map(({ className }) => numberOf.get(className ?? "") ?? 0),
    `${purpose}/${source.name}`,
  );
  return source.task === "classification" ? held.map((flag, item) => (scored.has(pool[item]?.className ?? "") ? flag : 0)) : held;
}
