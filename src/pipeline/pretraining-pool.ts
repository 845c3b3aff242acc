import { type DataSource, type SampleRecord, sizeOf } from "../data/source.ts";
import { EvergreenError } from "../util/errors.ts";
import { hashOf } from "../util/hash.ts";
import type { Random } from "../util/random.ts";

/**
 * A seeded part of a pretraining pool: `count` samples drawn from all its sets together, in the pool's own order (purpose `pretrain/subset`). The same sets and
 * seed give the same part, so that runs compare.
 * @throws {EvergreenError} for a pool that holds fewer: a part of another size would pass for the one asked for.
 */
export function pretrainingSubset(sets: readonly DataSource[], count: number | undefined, random: Random): readonly DataSource[] {
  const sizes = sets.map((set) => sizeOf(set, "train"));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (count === undefined || count === total) return sets;
  if (count > total)
    throw new EvergreenError(`data.pretraining.subset: ${count} samples of a pool that holds ${total}`, {
      code: "EG-3132",
      exit: "config",
      fix: `set it to at most ${total}, leave it out to take all, or name a larger pool`,
    });
  if (sets.some(({ unopened }) => unopened)) return countedParts(sets, count, total);
  const chosen = random.at("pretrain/subset").permutation(total).subarray(0, count).sort();
  let before = 0;
  let at = 0;
  return sets.flatMap((set, i) => {
    const end = before + (sizes[i] ?? 0);
    const own: number[] = [];
    for (; at < count && (chosen[at] as number) < end; at++) own.push((chosen[at] as number) - before);
    before = end;
    return own.length === 0 ? [] : [partOf(set, own, { count, total, seed: random.seed })];
  });
}

function partOf(set: DataSource, own: readonly number[], drawn: Readonly<Record<"count" | "total" | "seed", number>>): DataSource {
  const whole = set.records("train");
  const train = own.map((i) => whole[i]).filter((record): record is SampleRecord => record !== undefined);
  return {
    ...set,
    fingerprint: hashOf([set.fingerprint, "pretrain/subset", drawn]),
    records: (split) => (split === "train" ? train : set.records(split)),
    concepts: () => {
      const kept = new Set(train.map(({ id }) => id));
      const left = set.concepts().map((concept) => ({ ...concept, samples: concept.samples.filter((id) => kept.has(id)) }));
      return left.filter(({ samples }) => samples.length > 0);
    },
  };
}

/** Without data nothing can be drawn: each set gives its share. For plans alone. */
function countedParts(sets: readonly DataSource[], count: number, total: number): readonly DataSource[] {
  let left = count;
  return sets.map((set, i) => {
    const size = sizeOf(set, "train");
    const train = i === sets.length - 1 ? left : Math.min(left, Math.round((count * size) / total));
    left -= train;
    const known = set.unopened ?? { test: sizeOf(set, "test"), missing: [], obtain: "" };
    return { ...set, unopened: { ...known, train } };
  });
}

/**
 * Sizes of the files that samples lie in, in the samples' order: what a pass over a pool shuffles first, so that few files are open at a time. Loose image files
 * of one set count as one.
 */
export function shardSizes(sets: readonly DataSource[]): readonly number[] {
  return sets.flatMap((set) => {
    const sizes: number[] = [];
    let last: string | undefined;
    for (const { image } of set.records("train")) {
      const file = image.kind === "file" ? "" : image.path;
      if (file === last) sizes[sizes.length - 1] = (sizes.at(-1) ?? 0) + 1;
      else sizes.push(1);
      last = file;
    }
    return sizes;
  });
}
