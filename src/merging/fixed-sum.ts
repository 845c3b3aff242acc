import { scope } from "../engine/scope.ts";
import { readFloats } from "../engine/tensor.ts";
import type { MergeInput, Tower } from "./operator.ts";

/** Entries of a leaf. Leaves are cut by an entry's place in its tensor, so no block size and no number of threads changes a bit of a sum. */
const leaf = 4096;

/** Σ a·b in double precision of one tensor whose entries come in order, in pieces of any size. */
export class FixedSum {
  private total = 0;
  private partial = 0;
  private seen = 0;

  add(a: Float32Array, b: Float32Array): void {
    for (let from = 0; from < a.length; ) {
      const to = Math.min(a.length, from + leaf - (this.seen % leaf));
      let sum = this.partial;
      for (let i = from; i < to; i++) sum += (a[i] as number) * (b[i] as number);
      this.partial = sum;
      this.seen += to - from;
      from = to;
      if (this.seen % leaf === 0) this.close();
    }
  }

  /** The sum of all that was added. */
  get value(): number {
    return this.total + this.partial;
  }

  private close(): void {
    this.total += this.partial;
    this.partial = 0;
  }
}

/** Products of every pair of models' entries: [i][j] for j ≤ i. */
export type Products = readonly (readonly number[])[];

/** For each tensor the products ⟨x_i, x_j⟩ of what `of` gives for the models; one pass over the files, n² numbers a tensor. */
export function productsOf(tower: Tower, of: (input: MergeInput, i: number) => Float32Array): ReadonlyMap<string, Products> {
  const sums = new Map<string, FixedSum[][]>();
  tower.visit((input) => {
    const { name } = input.tensor;
    const rows = sums.get(name) ?? Array.from({ length: tower.count }, (_, i) => Array.from({ length: i + 1 }, () => new FixedSum()));
    sums.set(name, rows);
    const entries = rows.map((_, i) => of(input, i));
    rows.forEach((row, i) => {
      for (const [j, sum] of row.entries()) sum.add(entries[i] as Float32Array, entries[j] as Float32Array);
    });
    return undefined;
  }, tower.count);
  return new Map([...sums].map(([name, rows]) => [name, rows.map((row) => row.map((sum) => sum.value))]));
}

export const entriesOfModel = (input: MergeInput, i: number): Float32Array => scope(() => readFloats(input.model(i)));
export const entriesOfVector = (input: MergeInput, i: number): Float32Array => scope(() => readFloats(input.vector(i)));
