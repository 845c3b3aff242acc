import { maximum } from "../engine/elementwise.ts";
import {
  addInto,
  addRowsInto,
  full,
  layerNorm,
  matmul,
  mul,
  neg,
  select,
  slice,
  sumOver,
  to,
  toDevice,
  transpose,
  zeros,
} from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import { read, type Tensor, tensor, type Weights } from "../engine/tensor.ts";
import { normEpsilon, type WeightUse } from "../nn/view.ts";
import type { SampleLayout } from "./sample-layout.ts";

/** What is summed over samples: the square of each entry of a sample's gradient, or its magnitude. */
export type Measure = "square" | "magnitude";

/** Entries of the largest product that is made before it is summed: 8 MB stay in the caches of a processor. */
const blockEntries = 2 ** 21;

/** Sums over samples of a measure of each one's own gradient, float32, by parameter. They live until they are released. */
export class SampleSums {
  readonly sums: Weights;
  private readonly measure: Measure;

  /** @param like Parameters that are measured; their shapes count. */
  constructor(like: Weights, measure: Measure) {
    this.sums = new Map([...like].map(([name, { shape, device }]) => [name, scope(() => keep(zeros(shape, "float32", device)))]));
    this.measure = measure;
  }

  has(name: string | undefined): boolean {
    return name !== undefined && this.sums.has(name);
  }

  /** One sample's gradient. */
  add(name: string, gradient: Tensor): void {
    const sum = this.sums.get(name);
    if (sum) addInto(sum, this.of(to(gradient, "float32")));
  }

  /** The gradients of all samples of a batch in one parameter's use, from what went into it and the gradient of what came out. */
  addUse(use: WeightUse, gradient: Tensor, layout: SampleLayout): void {
    if (use.kind === "rows") {
      this.addTable(use, gradient, layout);
      return;
    }
    const flowing = layout.group(gradient); // [B, L, N]
    const bias = use.bias === undefined ? undefined : this.sums.get(use.bias);
    if (bias) addInto(part(bias, use.rows), this.over(sumOver(flowing, [1])));
    const weight = this.sums.get(use.weight);
    if (!weight) return;
    if (use.kind === "linear") this.addProducts(part(weight, use.rows), layout.group(use.input), flowing);
    else addInto(weight, this.over(sumOver(mul(flowing, layout.group(normalised(use.input))), [1])));
  }

  /** Σ over samples of the measure of gᵀ x, for x [B, L, K] and g [B, L, N]. */
  private addProducts(sum: Tensor, x: Tensor, g: Tensor): void {
    const [samples = 0, length = 0, inputs = 1] = x.shape;
    if (length === 1) {
      // The measure of a product of two numbers is the product of their measures.
      addInto(sum, matmul(transpose(squeeze(this.of(g)), 0, 1), squeeze(this.of(x))));
      return;
    }
    const outputs = g.shape[2] ?? 0;
    const turned = transpose(g, 1, 2); // [B, N, L]
    const rows = Math.max(1, Math.min(outputs, Math.floor(blockEntries / inputs)));
    const most = Math.max(1, Math.floor(blockEntries / (inputs * rows)));
    for (let row = 0; row < outputs; row += rows)
      for (let from = 0; from < samples; from += most)
        scope(() => {
          const [end, last] = [Math.min(outputs, row + rows), Math.min(samples, from + most)];
          const block = slice(slice(turned, 0, from, last), 1, row, end);
          addInto(slice(sum, 0, row, end), this.over(matmul(block, slice(x, 0, from, last))));
        });
  }

  /** A sample's gradient of a table's row is the sum over its tokens that read the row. */
  private addTable({ weight, input }: WeightUse, gradient: Tensor, layout: SampleLayout): void {
    const sum = this.sums.get(weight);
    if (!sum) return;
    // On shapes alone nobody knows which tokens are the same: a sample's are counted as one.
    const numbers = input.device === "meta" ? [] : Array.from(read(input), Number);
    const groups = new Map<string, number>();
    const tableRows: number[] = [];
    const [tokens, groupOf]: [number[], number[]] = [[], []];
    layout.sampleOf.forEach((sample, token) => {
      const key = `${sample}/${numbers[token]}`;
      const known = groups.get(key) ?? groups.size;
      if (known === groups.size) tableRows.push(numbers[token] ?? 0);
      groups.set(key, known);
      tokens.push(token);
      groupOf.push(known);
    });
    const indices = (of: readonly number[]): Tensor => toDevice(tensor(of, [of.length], "int64"), gradient.device);
    const own = zeros([groups.size, gradient.shape[1] ?? 0], "float32", gradient.device);
    addRowsInto(own, indices(groupOf), to(slice(gradient, 0, 0, tokens.length), "float32"));
    addRowsInto(sum, indices(tableRows), this.of(own));
  }

  private of(value: Tensor): Tensor {
    // libtorch knows no shape rule of `abs`, and a run is planned on shapes.
    return this.measure === "square" ? mul(value, value) : maximum(value, neg(value));
  }

  /** Summed over the first axis, that of the samples. */
  private over(value: Tensor): Tensor {
    return sumOver(this.of(value), [0]);
  }
}

const part = (of: Tensor, rows: WeightUse["rows"]): Tensor => (rows ? slice(of, 0, ...rows) : of);
const squeeze = (of: Tensor): Tensor => select(of, 1, 0);

/** A layer norm's output before its own weight and bias. */
function normalised(x: Tensor): Tensor {
  const width = x.shape.at(-1) ?? 0;
  const of = (value: number): Tensor => full([width], value, "float32", x.device);
  return layerNorm(to(x, "float32"), of(1), of(0), normEpsilon);
}
