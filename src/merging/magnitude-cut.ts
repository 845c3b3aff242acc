import { z } from "zod";
import { countMagnitudes, type KnownBits } from "../engine/entries.ts";
import { select } from "../engine/ops.ts";
import { scope as inScope } from "../engine/scope.ts";
import { readFloats, type Tensor } from "../engine/tensor.ts";
import { groupsOf } from "./fold.ts";
import type { Group, MergeInput, Tower } from "./operator.ts";

/** Shares of the entries to drop: the smallest magnitudes, and the largest. */
export interface CutShares {
  readonly remove: number;
  readonly top: number;
}

/**
 * Which entries of one task vector are dropped. Entries are ranked by magnitude, then by place; places count through the scope. At a limit's own
 * magnitude the entries with places in [from, to) are dropped.
 */
interface MagnitudeCut {
  /** Magnitudes below are dropped. */
  readonly low: Limit | undefined;
  /** Magnitudes above are dropped. */
  readonly high: Limit | undefined;
}
interface Limit {
  readonly magnitude: number;
  readonly from: number;
  readonly to: number;
}

/** The whole tower is one scope, or each tensor is. */
export type Scope = "tower" | "tensor";
const scopes = ["tower", "tensor"] as const satisfies readonly Scope[];

/** Option of operators that drop entries. */
export const scopeOption = z.enum(scopes).describe("over what entries are counted: all of a tower, or each tensor");

/** Cuts by scope and model. */
export interface Cuts {
  of(input: MergeInput, i: number): MagnitudeCut;
  /** Place of the input's first entry in its scope. */
  placeOf(input: MergeInput): number;
  /** True while equal magnitudes lie on both sides of some limit and their places are not known. */
  readonly isOpen: boolean;
  /**
   * Finds such places in the task vectors [count, size] of a group. Inputs must come in order, all of them, before `of` is right for any; it is right for those
   * that came already.
   */
  locate(input: MergeInput, group: Group, vectors: Tensor): void;
}

/** Number of entries that a share of `size` takes, rounded down; the addend undoes the product's own rounding. */
export const countOf = (share: number, size: number): number => Math.floor(share * size + 1e-6);

// A float32's magnitude is 31 bits that order as it does: two passes count the upper 16 of them and then, at the wanted rank, the lower 15.
const lowBits = 15;
const magnitudeMask = 0x7fffffff;

/**
 * The exact cuts of every task vector, in two passes over the files; where equal magnitudes lie on both sides of a limit a third must
 * {@link Cuts.locate} them. Holds 65,536 counters a task vector.
 */
export function planCuts(tower: Tower, shares: CutShares, scope: Scope): Cuts {
  const placeOf = (input: MergeInput): number => (scope === "tower" ? input.tensor.start : 0) + input.offset;
  const keyOf = (input: MergeInput): string => (scope === "tower" ? "" : input.tensor.name);
  const searches = new Map<string, readonly Search[]>();
  const searchesOf = (input: MergeInput): readonly Search[] => {
    const known = searches.get(keyOf(input));
    if (known) return known;
    const size = scope === "tower" ? tower.tensors.reduce((sum, tensor) => sum + tensor.size, 0) : input.tensor.size;
    const made = Array.from({ length: tower.count }, () => new Search(size, shares));
    searches.set(keyOf(input), made);
    return made;
  };
  const pass = (): void => {
    let current: readonly Search[] = [];
    tower.visit((input) => {
      const own = searchesOf(input);
      if (own !== current) for (const search of current) search.close();
      current = own;
      for (const group of groupsOf(tower.count)) inScope(() => count(membersOf(own, group), input.vectors(group)));
      return undefined;
    });
    for (const search of current) search.close();
  };
  if (shares.remove > 0 || shares.top > 0) {
    pass();
    pass();
  }
  return {
    placeOf,
    isOpen: [...searches.values()].flat().some((search) => search.isOpen),
    locate: (input, group, vectors) => locate(membersOf(searches.get(keyOf(input)) ?? [], group), vectors, placeOf(input)),
    of: (input, i) => searches.get(keyOf(input))?.[i]?.cut ?? { low: undefined, high: undefined },
  };
}

const membersOf = (searches: readonly Search[], { from, count }: Group): readonly Search[] => searches.slice(from, from + count);

/** Counts the magnitudes of a group's task vectors [count, size], by what is not known of them yet. */
function count(searches: readonly Search[], vectors: Tensor): void {
  const [first] = searches;
  if (!first) return;
  first.ranks.forEach((_, k) => {
    const ranks = searches.map((search) => search.ranks[k] as Rank);
    const known = first.known;
    countMagnitudes(vectors, { known, prefixes: ranks.map(({ bits }) => bits) }, (row, bucket, times) => ranks[row]?.count(bucket, times));
  });
}

/** Finds the places at which the equal ones to drop begin and end. */
function locate(searches: readonly Search[], vectors: Tensor, place: number): void {
  if (!searches.some(({ isOpen }) => isOpen)) return;
  const bitsOf = (row: number): Int32Array => new Int32Array(inScope(() => readFloats(select(vectors, 0, row))).buffer);
  searches[0]?.ranks.forEach((_, k) => {
    const ranks = searches.map((search) => search.ranks[k] as Rank);
    countMagnitudes(vectors, { known: 31, prefixes: ranks.map(({ bits }) => bits) }, (row, _, times) => {
      const [search, rank] = [searches[row], ranks[row]];
      if (search?.isOpen && rank && times > 0) search.locate(rank, times, { place, bits: () => bitsOf(row) });
    });
  });
}

/** A run of entries in which to look for equal ones, read when it must be. */
interface Entries {
  readonly place: number;
  bits(): Int32Array;
}

/** Index of the n-th entry of a magnitude, from 1. */
function nthOf(bits: Int32Array, magnitude: number, n: number): number {
  let seen = 0;
  return bits.findIndex((each) => (each & magnitudeMask) === magnitude && ++seen === n);
}

/** The search for one rank: counters, what they gave, and where the equal ones lie. */
class Rank {
  /** Upper bits, then all bits of the magnitude at the rank. */
  bits = 0;
  /** Entries of smaller magnitude than the bucket, then than the magnitude itself. */
  before = 0;
  /** Entries of just this magnitude. */
  equal = 0;
  /** Equal ones in the runs that were located. */
  seen = 0;
  private counters: Uint32Array | undefined;
  private readonly rank: number;

  constructor(rank: number) {
    this.rank = rank;
  }

  count(bucket: number, times: number): void {
    this.counters ??= new Uint32Array(1 << 16);
    (this.counters[bucket] as number) += times;
  }

  /** Reads the counters: the bucket in which the rank falls gives the next bits. */
  settle(): void {
    const counters = this.counters ?? new Uint32Array(1 << 16);
    let bucket = 0;
    for (; bucket < counters.length - 1; bucket++) {
      const count = counters[bucket] as number;
      if (this.before + count > this.rank) break;
      this.before += count;
    }
    this.bits = this.bits * 2 ** lowBits + bucket;
    this.equal = counters[bucket] as number;
    this.counters = undefined;
  }
}

/** Exact selection over one task vector, fed in order, pass by pass. */
class Search {
  /** Upper bits of the magnitudes at the ranks that are known. */
  known: KnownBits = 0;
  readonly ranks: readonly Rank[];
  private readonly low: Rank | undefined;
  private readonly high: Rank | undefined;
  private readonly lowCount: number;
  private readonly highCount: number;
  private readonly size: number;
  private lowFound: Limit | undefined;
  private highFound: Limit | undefined;
  private highEnd: number | undefined;

  constructor(size: number, { remove, top }: CutShares) {
    this.size = size;
    this.lowCount = countOf(remove, size);
    this.highCount = countOf(top, size);
    // The last rank that goes, from below; the first that goes, from above.
    this.low = this.lowCount > 0 ? new Rank(this.lowCount - 1) : undefined;
    this.high = this.highCount > 0 ? new Rank(size - this.highCount) : undefined;
    this.ranks = [this.low, this.high].filter((rank) => rank !== undefined);
  }

  /** Ends a pass over this task vector. */
  close(): void {
    for (const rank of this.ranks) rank.settle();
    this.known = this.known === 0 ? 16 : 31;
  }

  /** Hears of `times` entries of the magnitude at a rank. */
  locate(rank: Rank, times: number, { place, bits }: Entries): void {
    const nth = (n: number): number | undefined =>
      n > rank.seen && n <= rank.seen + times ? place + nthOf(bits(), rank.bits, n - rank.seen) : undefined;
    if (rank === this.low) {
      const last = nth(this.lowTies);
      if (last !== undefined) this.lowFound = limit(rank, 0, last + 1);
    } else {
      const [first, last] = [nth(this.highFrom + 1), nth(this.highFrom + this.highTies)];
      if (first !== undefined) this.highFound = limit(rank, first, Number.POSITIVE_INFINITY);
      if (last !== undefined) {
        this.highEnd = last + 1;
        this.highFound = { ...(this.highFound as Limit), to: this.highEnd };
      }
    }
    rank.seen += times;
  }

  /** True while places of equal ones are to be found: some of them go and some stay. Zeros may all go, they add nothing. */
  get isOpen(): boolean {
    return (this.isLowSplit && !this.lowFound) || (this.isHighSplit && this.highEnd === undefined);
  }

  /** Until the places are found: no lower equal one was kept yet, and no upper one dropped. */
  get cut(): MagnitudeCut {
    const all = (rank: Rank): Limit => limit(rank, 0, Number.POSITIVE_INFINITY);
    const none = (rank: Rank): Limit => limit(rank, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    const { low, high } = this;
    return {
      low: low && (this.lowFound ?? all(low)),
      high: high && (this.highFound ?? (this.isHighSplit ? none(high) : all(high))),
    };
  }

  private get isLowSplit(): boolean {
    return this.low !== undefined && this.low.bits !== 0 && this.lowTies < this.low.equal;
  }
  private get isHighSplit(): boolean {
    const { high } = this;
    return high !== undefined && high.bits !== 0 && (this.highFrom > 0 || this.highTies < high.equal);
  }
  private get lowTies(): number {
    return this.low ? this.lowCount - this.low.before : 0;
  }
  /** Of the equal ones at the upper limit, those that the lower limit took already. */
  private get highFrom(): number {
    return this.low && this.high && this.low.bits === this.high.bits ? this.lowTies : 0;
  }
  private get highTies(): number {
    const { high } = this;
    return high ? this.highCount - (this.size - high.before - high.equal) : 0;
  }
}

const scratch = new DataView(new ArrayBuffer(4));

function limit({ bits }: Rank, from: number, to: number): Limit {
  scratch.setInt32(0, bits);
  return { magnitude: scratch.getFloat32(0), from, to };
}
