import { createHash } from "node:crypto";

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

function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const carry = aLow * bHigh + (middle % 0x10000);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/** Philox 4×32-10 (Salmon et al., SC 2011): four u32 for a counter and a key. */
export function philox(counter: PhiloxBlock, key: PhiloxKey): PhiloxBlock {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(M0, c0);
    const low0 = Math.imul(M0, c0) >>> 0;
    const high1 = multiplyHigh(M1, c2);
    const low1 = Math.imul(M1, c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
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
  private words: PhiloxBlock = [0, 0, 0, 0];
  private left = 0;
  private readonly key: PhiloxKey;
  private readonly place: DrawPlace;

  constructor(key: PhiloxKey, place: DrawPlace) {
    this.key = key;
    this.place = place;
  }

  private word(): number {
    if (this.left === 0) {
      this.words = philox([this.block++, this.place.index ?? 0, this.place.step ?? 0, this.place.task ?? 0], this.key);
      this.left = 4;
    }
    return this.words[4 - this.left--] as number;
  }

  uniform(): number {
    return (this.word() >>> 8) * 2 ** -24;
  }

  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw new RangeError(`below: expected an integer in [1, 2^32], got ${n}`);
    const limit = Math.floor(2 ** 32 / n) * n;
    let x = this.word();
    while (x >= limit) x = this.word();
    return x % n;
  }

  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = order[i] as number;
      order[i] = order[j] as number;
      order[j] = held;
    }
    return order;
  }
}
