import { createHash } from "node:crypto";
import type { ConceptId, SampleId } from "../data/source.ts";
import type { Purpose, Random } from "../util/random.ts";

/** Samples in a random order that each sample's id and the seed decide alone: neither the order of arrival nor what else arrived moves it. */
export function byPriority(ids: readonly SampleId[], random: Random, purpose: Purpose): readonly SampleId[] {
  const drawn = ids.map((id) => ({ id, at: priority(id, random, purpose) }));
  return drawn.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
}

/** What is admitted by priority, and how much room it takes. */
interface Room {
  readonly random: Random;
  readonly purpose: Purpose;
  readonly total: number;
  sizeOf(id: SampleId): number;
}

/**
 * Admits samples one by one: each takes its place by priority, and while all do not fit, the last one goes. What is held follows from the order of
 * arrival alone, not from how it was cut into calls. A sample larger than the whole room is passed over.
 */
export function admitByPriority(held: readonly SampleId[], fresh: readonly SampleId[], room: Room): readonly SampleId[] {
  const entry = (id: SampleId): Entry => ({ id, at: priority(id, room.random, room.purpose), size: room.sizeOf(id) });
  const kept = held.map(entry).sort(before);
  let free = room.total - kept.reduce((sum, { size }) => sum + size, 0);
  for (const id of fresh) {
    const next = entry(id);
    if (next.size > room.total) continue;
    kept.splice(placeOf(next, kept), 0, next);
    free -= next.size;
    while (free < 0) free += kept.pop()?.size ?? 0;
  }
  return kept.map(({ id }) => id);
}

interface Entry {
  readonly id: SampleId;
  readonly at: number;
  readonly size: number;
}

const before = (a: Entry, b: Entry): number => a.at - b.at || (a.id < b.id ? -1 : 1);

function placeOf(entry: Entry, sorted: readonly Entry[]): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(sorted[middle] as Entry, entry) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
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
