import { z } from "zod";
import { entriesOfVector } from "./fixed-sum.ts";
import type { MergeInput, Tower } from "./operator.ts";

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
export interface Limit {
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
  /** Finds such places. Inputs must come in order, all of them, before `of` is right for any; it is right for those that came already. */
  locate(input: MergeInput): void;
}

/** Number of entries that a share of `size` takes, rounded down; the addend undoes the product's own rounding. */
export const countOf = (share: number, size: number): number => Math.floor(share * size + 1e-6);

// A float32's magnitude is 31 bits that order as it does: two passes count the upper 16 of them and then, at the wanted rank, the lower 15.
const lowBits = 15;
const lowMask = (1 << lowBits) - 1;
const magnitudeMask = 0x7fffffff;

/**
 * The exact cuts of every task vector, in two passes over the files; where equal magnitudes lie on both sides of a limit a third must
 * {@link Cuts.locate} them. Holds 65,536 counters a task vector.
 */
export function planCuts(tower: Tower, shares: CutShares, scope: Scope): Cuts {
  const placeOf = (input: MergeInput): number => (scope === "tower" ? input.tensor.start : 0) + input.offset;
  const keyOf = (input: MergeInput): string => (scope === "tower" ? "" : input.tensor.name);
  const searches = new Map<string, Search[]>();
  const ensure = (input: MergeInput): Search[] => {
    const known = searches.get(keyOf(input));
    if (known) return known;
    const size = scope === "tower" ? tower.tensors.reduce((sum, tensor) => sum + tensor.size, 0) : input.tensor.size;
    const made = Array.from({ length: tower.count }, () => new Search(size, shares));
    searches.set(keyOf(input), made);
    return made;
  };
  const pass = (look: (search: Search, bits: Int32Array) => void): void => {
    let current = "";
    tower.visit((input) => {
      if (scope === "tensor" && keyOf(input) !== current) for (const search of searches.get(current) ?? []) search.close();
      current = keyOf(input);
      for (const [i, search] of ensure(input).entries()) look(search, bitsOf(input, i));
      return undefined;
    });
    for (const list of searches.values()) for (const search of list) search.close();
  };
  if (shares.remove > 0 || shares.top > 0) {
    pass((search, bits) => search.countHigh(bits));
    pass((search, bits) => search.countLow(bits));
  }
  return {
    placeOf,
    isOpen: [...searches.values()].flat().some((search) => search.isOpen),
    locate(input) {
      for (const [i, search] of (searches.get(keyOf(input)) ?? []).entries())
        if (search.isOpen) search.locate(bitsOf(input, i), placeOf(input));
    },
    of: (input, i) => searches.get(keyOf(input))?.[i]?.cut ?? { low: undefined, high: undefined },
  };
}

function bitsOf(input: MergeInput, i: number): Int32Array {
  const entries = entriesOfVector(input, i);
  return new Int32Array(entries.buffer, entries.byteOffset, entries.length);
}

/** The search for one rank: counters, what they gave, and where the equal ones lie. */
class Rank {
  /** Upper bits, then all bits of the magnitude at the rank. */
  upper = 0;
  bits = 0;
  /** Entries of smaller magnitude than the bucket, then than the magnitude itself. */
  before = 0;
  /** Entries of just this magnitude. */
  equal = 0;
  counters: Uint32Array | undefined;
  readonly rank: number;

  constructor(rank: number) {
    this.rank = rank;
  }

  /** Reads a counter array: the bucket in which the rank falls. */
  settle(counters: Uint32Array): { readonly bucket: number; readonly count: number } {
    let bucket = 0;
    for (; bucket < counters.length - 1; bucket++) {
      const count = counters[bucket] as number;
      if (this.before + count > this.rank) break;
      this.before += count;
    }
    return { bucket, count: counters[bucket] as number };
  }
}

/** Exact selection over one task vector, fed in order, pass by pass. */
class Search {
  private readonly low: Rank | undefined;
  private readonly high: Rank | undefined;
  private readonly lowCount: number;
  private readonly highCount: number;
  private readonly size: number;
  private counters: Uint32Array | undefined;
  private phase: "upper" | "lower" | "done" = "upper";
  private lowFound: Limit | undefined;
  private highFound: Limit | undefined;
  private lowSeen = 0;
  private highSeen = 0;
  private highEnd: number | undefined;

  constructor(size: number, { remove, top }: CutShares) {
    this.size = size;
    this.lowCount = countOf(remove, size);
    this.highCount = countOf(top, size);
    // The last rank that goes, from below; the first that goes, from above.
    this.low = this.lowCount > 0 ? new Rank(this.lowCount - 1) : undefined;
    this.high = this.highCount > 0 ? new Rank(size - this.highCount) : undefined;
  }

  countHigh(bits: Int32Array): void {
    this.counters ??= new Uint32Array(1 << (31 - lowBits));
    const { counters } = this;
    for (let i = 0; i < bits.length; i++) (counters[((bits[i] as number) & magnitudeMask) >>> lowBits] as number)++;
  }

  countLow(bits: Int32Array): void {
    for (const rank of this.ranks()) {
      rank.counters ??= new Uint32Array(1 << lowBits);
      const { counters, upper } = rank;
      for (let i = 0; i < bits.length; i++) {
        const magnitude = (bits[i] as number) & magnitudeMask;
        if (magnitude >>> lowBits === upper) (counters[magnitude & lowMask] as number)++;
      }
    }
  }

  /** Finds the places at which the equal ones to drop begin and end. */
  locate(bits: Int32Array, place: number): void {
    const { low, high } = this;
    for (let i = 0; i < bits.length; i++) {
      const magnitude = (bits[i] as number) & magnitudeMask;
      if (low && magnitude === low.bits && ++this.lowSeen === this.lowTies) this.lowFound = limit(low, 0, place + i + 1);
      if (high && magnitude === high.bits) {
        this.highSeen++;
        if (this.highSeen === this.highFrom + 1) this.highFound = limit(high, place + i, Number.POSITIVE_INFINITY);
        if (this.highSeen === this.highFrom + this.highTies) {
          this.highEnd = place + i + 1;
          this.highFound = { ...(this.highFound as Limit), to: this.highEnd };
        }
      }
    }
  }

  /** Ends a pass over this task vector. */
  close(): void {
    if (this.phase === "upper" && this.counters) {
      for (const rank of this.ranks()) rank.upper = rank.settle(this.counters).bucket;
      this.counters = undefined;
      this.phase = "lower";
    } else if (this.phase === "lower" && this.ranks().every(({ counters }) => counters)) {
      for (const rank of this.ranks()) {
        const { bucket, count } = rank.settle(rank.counters as Uint32Array);
        rank.bits = rank.upper * 2 ** lowBits + bucket;
        rank.equal = count;
        rank.counters = undefined;
      }
      this.phase = "done";
    }
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
  private ranks(): readonly Rank[] {
    return [this.low, this.high].filter((rank) => rank !== undefined);
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
