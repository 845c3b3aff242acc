import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { once } from "./text-tables.ts";

/** Ids of the marks around a text; the end mark is the largest id of all. */
export const startToken = 49_406;
export const endToken = 49_407;
/** Symbols before the first merge: 256 bytes, and 256 bytes that end a word. */
const bytesAndEnds = 512;

/** Id of each byte inside a word: printable ones first, in the order of GPT-2's table. */
const byteIds = once(() => {
  const printable = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const ids = new Uint16Array(256);
  [...bytes.filter(printable), ...bytes.filter((byte) => !printable(byte))].forEach((byte, id) => {
    ids[byte] = id;
  });
  return ids;
});

/** A table from pairs of ids to the rank of their merge, with open addressing: a Map of 48,894 pairs takes longer to fill. */
interface Merges {
  readonly keys: Uint32Array;
  readonly ranks: Uint16Array;
}

const slots = 1 << 17;
const slotOf = (key: number): number => Math.imul(key ^ (key >>> 15), 0x9e3779b1) >>> 15;

const merges = once((): Merges => {
  const bytes = gunzipSync(readFileSync(new URL("./vocabulary.bin.gz", import.meta.url)));
  const pairs = new Uint16Array(bytes.length / 2).map((_, i) => (bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8));
  const keys = new Uint32Array(slots);
  const ranks = new Uint16Array(slots);
  for (let rank = 0; rank * 2 < pairs.length; rank++) {
    // One more than the key, so that 0 marks a free slot.
    const key = (pairs[rank * 2] ?? 0) * 65_536 + (pairs[rank * 2 + 1] ?? 0) + 1;
    let slot = slotOf(key);
    while (keys[slot] !== 0) slot = (slot + 1) % slots;
    keys[slot] = key;
    ranks[slot] = rank;
  }
  return { keys, ranks };
});

function rankOf({ keys, ranks }: Merges, left: number, right: number): number | undefined {
  const key = left * 65_536 + right + 1;
  for (let slot = slotOf(key); keys[slot] !== 0; slot = (slot + 1) % slots) if (keys[slot] === key) return ranks[slot];
  return undefined;
}

/**
 * CLIP's ids of one word, by byte pair encoding of its UTF-8: the pair of lowest rank is merged first, leftmost first. (A merge
 * never makes a pair of lower rank than its own, so this is the same as merging all occurrences of a pair at once.)
 * Takes O(n log n) for a word of n bytes.
 */
export function wordIds(word: string): readonly number[] {
  const table = merges();
  const bytes = Buffer.from(word, "utf8");
  const ids = Int32Array.from(bytes, (byte) => byteIds()[byte] ?? 0);
  const last = ids.length - 1;
  if (last < 0) return [];
  ids[last] = (ids[last] ?? 0) + 256;
  // A list linked both ways; a merged-away symbol has id -1.
  const next = Int32Array.from(ids, (_, i) => (i === last ? -1 : i + 1));
  const previous = Int32Array.from(ids, (_, i) => i - 1);
  const queue = new RankQueue();
  const offer = (at: number): void => {
    const right = at < 0 ? -1 : (next[at] ?? -1);
    if (right < 0) return;
    const rank = rankOf(table, ids[at] ?? 0, ids[right] ?? 0);
    if (rank !== undefined) queue.push(rank * 2 ** 32 + at);
  };
  for (let at = 0; at < last; at++) offer(at);
  for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
    const at = entry % 2 ** 32;
    const rank = Math.floor(entry / 2 ** 32);
    const right = next[at] ?? -1;
    // The pair may have changed since it was queued.
    if (right < 0 || ids[at] === -1 || rankOf(table, ids[at] ?? 0, ids[right] ?? 0) !== rank) continue;
    ids[at] = bytesAndEnds + rank;
    ids[right] = -1;
    const after = next[right] ?? -1;
    next[at] = after;
    if (after >= 0) previous[after] = at;
    offer(previous[at] ?? -1);
    offer(at);
  }
  return [...ids].filter((id) => id !== -1);
}

/** A heap of numbers, smallest first. */
class RankQueue {
  private readonly heap: number[] = [];

  push(value: number): void {
    const { heap } = this;
    let at = heap.push(value) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] ?? 0) <= value) break;
      heap[at] = heap[parent] ?? 0;
      at = parent;
    }
    heap[at] = value;
  }

  pop(): number | undefined {
    const { heap } = this;
    const top = heap[0];
    const value = heap.pop();
    if (value === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] ?? 0) < (heap[child] ?? 0)) child++;
      if (value <= (heap[child] ?? 0)) break;
      heap[at] = heap[child] ?? 0;
      at = child;
    }
    heap[at] = value;
    return top;
  }
}
