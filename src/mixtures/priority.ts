import { createHash } from "node:crypto";
import type { ConceptId, SampleId } from "../data/source.ts";
import type { Purpose, Random } from "../util/random.ts";

/** Samples in a random order that each sample's id and the seed decide alone: neither the order of arrival nor what else arrived moves it. */
export function byPriority(ids: readonly SampleId[], random: Random, purpose: Purpose): readonly SampleId[] {
  const drawn = ids.map((id) => ({ id, at: priority(id, random, purpose) }));
  return drawn.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
}

function priority(id: SampleId, random: Random, purpose: Purpose): number {
  const digest = createHash("sha256").update(id, "utf8").digest();
  const place = { index: digest.readUInt32LE(0), step: digest.readUInt32LE(4), task: digest.readUInt32LE(8) };
  return random.at(purpose, place).below(2 ** 32);
}

/** One sample of each concept, then a second one of each, and so on; the order given stands inside a concept and inside a round. */
export function inRounds(ids: readonly SampleId[], conceptOf: (id: SampleId) => ConceptId): readonly SampleId[] {
  const taken = new Map<ConceptId, number>();
  const rounds: SampleId[][] = [];
  for (const id of ids) {
    const concept = conceptOf(id);
    const round = taken.get(concept) ?? 0;
    taken.set(concept, round + 1);
    const members = rounds[round];
    if (members) members.push(id);
    else rounds.push([id]);
  }
  return rounds.flat();
}
