import { createHash } from "node:crypto";
import { cosPi, ln } from "./elementary.ts";

/**
 * What a draw is for. No purpose is shared by two consumers, so a new consumer never changes another's draws
 * (`order/update`, `crop/buffer`, `init/adapter`, `bootstrap`, …).
 */
export type Purpose = string;

/** Where in a run a draw happens; absent words are 0. */
export interface DrawPlace {
  readonly task?: number;
  readonly step?: number;
  readonly index?: number;
}

/** The draws of one address, in order. Asking again at the same address starts from the first one. */
export interface Draws {
  /** In [0, 1), a multiple of 2⁻²⁴. */
  uniform(): number;
  /** Integer in [0, n), without bias; 1 ≤ n ≤ 2³². */
  below(n: number): number;
  /** Standard normal, by Box–Muller. */
  normal(): number;
  /** Fisher–Yates from the end. */
  permutation(n: number): Uint32Array;
}

/** Counter-based randomness: no generator is ever advanced, every draw is addressed. */
export interface Random {
  readonly seed: number;
  /** The same purpose and place give the same numbers on any machine, in any order of asking. */
  at(purpose: Purpose, place?: DrawPlace): Draws;
}

export type PhiloxKey = readonly [number, number];
export type PhiloxBlock = readonly [number, number, number, number];

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** Upper word of a 32 × 32 bit product. Every sum fits a u32, so the whole stays in integer registers. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const carry = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

/** Philox 4×32-10 (Salmon et al., SC 2011): four u32 for a counter and a key. */
export function philox(counter: PhiloxBlock, key: PhiloxKey): PhiloxBlock {
  const words = Uint32Array.from(counter);
  philoxInPlace(words, key);
  return [words[0] as number, words[1] as number, words[2] as number, words[3] as number];
}

/** Replaces the four counter words by the block's output. Signed inside: the same bits, and no conversion to floating point. */
function philoxInPlace(words: Uint32Array, key: PhiloxKey): void {
  let c0 = (words[0] as number) | 0;
  let c1 = (words[1] as number) | 0;
  let c2 = (words[2] as number) | 0;
  let c3 = (words[3] as number) | 0;
  let k0 = key[0] | 0;
  let k1 = key[1] | 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(M0, c0);
    const high1 = multiplyHigh(M1, c2);
    const low0 = Math.imul(M0, c0);
    const low1 = Math.imul(M1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/** First 8 bytes of SHA-256 of `evergreen/1/<seed>/<purpose>` as two little-endian words. */
export function philoxKey(seed: number, purpose: Purpose): PhiloxKey {
  const digest = createHash("sha256").update(`evergreen/1/${seed}/${purpose}`, "utf8").digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}

/** Randomness of one seed. Keys are cached: they are a pure function of seed and purpose. */
export function createRandom(seed: number): Random {
  const keys = new Map<Purpose, PhiloxKey>();
  const keyOf = (purpose: Purpose): PhiloxKey => {
    const known = keys.get(purpose);
    if (known) return known;
    const key = philoxKey(seed, purpose);
    keys.set(purpose, key);
    return key;
  };
  return { seed, at: (purpose, place = {}) => new Stream(keyOf(purpose), place) };
}

class Stream implements Draws {
  private block = 0;
  private readonly words = new Uint32Array(4);
  private left = 0;
  private readonly key: PhiloxKey;
  private readonly place: DrawPlace;

  constructor(key: PhiloxKey, place: DrawPlace) {
    this.key = key;
    this.place = place;
  }

  private word(): number {
    if (this.left === 0) {
      this.words[0] = this.block++;
      this.words[1] = this.place.index ?? 0;
      this.words[2] = this.place.step ?? 0;
      this.words[3] = this.place.task ?? 0;
      philoxInPlace(this.words, this.key);
      this.left = 4;
    }
    return this.words[4 - this.left--] as number;
  }

  uniform(): number {
    return (this.word() >>> 8) * 2 ** -24;
  }

  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw new RangeError(`below: expected an integer in [1, 2^32], got ${n}`);
    return this.bounded(n);
  }

  private bounded(n: number): number {
    const limit = 2 ** 32 - (2 ** 32 % n);
    let x = this.word();
    while (x >= limit) x = this.word();
    return x % n;
  }

  normal(): number {
    const radius = Math.sqrt(-2 * ln(1 - this.uniform()));
    return radius * cosPi(2 * this.uniform());
  }

  permutation(n: number): Uint32Array {
    const order = new Uint32Array(n);
    for (let i = 0; i < n; i++) order[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = this.bounded(i + 1);
      const held = order[i] as number;
      order[i] = order[j] as number;
      order[j] = held;
    }
    return order;
  }
}
