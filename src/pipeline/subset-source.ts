import type { DataSource } from "../data/source.ts";
import { subsetOf } from "../evaluation/subset.ts";
import { hashOf } from "../util/hash.ts";
import type { Random } from "../util/random.ts";

/**
 * A view of a set whose test items are a fixed part of them: min(n, max(2C, 300, ⌊fraction·n⌋)) of n items with C classes, as even over classes as they allow; the same all
 * run long. Of retrieval and caption sets each image is a class of its own, so small ones stay whole and an image keeps all its captions.
 */
export function subsetSource(source: DataSource, random: Random, fraction: number): DataSource {
  const whole = source.records("test");
  const labelOf = new Map(source.classNames.map((name, label) => [name, label]));
  const isClassified = source.task === "classification";
  const labels = whole.map(({ className }, item) => (isClassified ? (labelOf.get(className ?? "") ?? -1) : item));
  const chosen = subsetOf(random, labels, { set: source.name, fraction });
  if (chosen.length === whole.length) return source;
  const test = Array.from(chosen, (item) => whole[item]).filter((record) => record !== undefined);
  return {
    ...source,
    fingerprint: hashOf([source.fingerprint, "subset", fraction, random.seed]),
    records: (split) => (split === "test" ? test : source.records(split)),
    concepts: () => source.concepts(),
  };
}
