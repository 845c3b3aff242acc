import { addProducts, productLanes } from "../engine/entries.ts";
import { copyInto, zeros, zerosLike } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import { read, type Tensor } from "../engine/tensor.ts";
import type { MergeInput, Tower } from "./operator.ts";

/** Products of every pair of rows: [i][j] for j ≤ i. */
export type Products = readonly (readonly number[])[];

/** Σ x_i·x_j in double precision of every pair of n rows whose entries come in order, in pieces of any length. It belongs to the current scope. */
export class ProductSums {
  private readonly rows: number;
  private readonly lanes: Tensor;

  constructor(rows: number) {
    this.rows = rows;
    this.lanes = zeros([(rows * (rows + 1)) / 2, productLanes], "float64");
  }

  /** A piece of every row, [size] each or [n, size], that begins at `place` of its tensor. */
  add(pieces: readonly Tensor[], place: number): void {
    addProducts(this.lanes, pieces, place);
  }

  clear(): void {
    scope(() => copyInto(this.lanes, zerosLike(this.lanes)));
  }

  get value(): Products {
    const lanes = Array.from(read(this.lanes), Number);
    const sumOf = (pair: number): number =>
      lanes.slice(pair * productLanes, (pair + 1) * productLanes).reduce((sum, lane) => sum + lane, 0);
    return Array.from({ length: this.rows }, (_, i) => Array.from({ length: i + 1 }, (__, j) => sumOf((i * (i + 1)) / 2 + j)));
  }
}

/** So many models may have as long pieces as one alone: they fit a core's second cache. */
const together = 8;

/** For each tensor the products ⟨x_i, x_j⟩ of what `of` gives for the models; one pass over the files, n² numbers a tensor and 128 bytes a pair while it is read. */
export function productsOf(tower: Tower, of: (input: MergeInput) => readonly Tensor[]): ReadonlyMap<string, Products> {
  return scope(() => {
    const found = new Map<string, Products>();
    const sums = new ProductSums(tower.count);
    tower.visit(
      (input) => {
        const { tensor, offset, size } = input;
        if (offset === 0) sums.clear();
        sums.add(of(input), offset);
        if (offset + size === tensor.size) found.set(tensor.name, sums.value);
        return undefined;
      },
      Math.ceil(tower.count / together),
    );
    return found;
  });
}

export const allModels = (input: MergeInput): readonly Tensor[] => input.models({ from: 0, count: input.count });
export const allVectors = (input: MergeInput): readonly Tensor[] => [input.vectors({ from: 0, count: input.count })];
