import { maximum } from "../engine/elementwise.ts";
import { addInto, addRowsInto, addSampleProductsInto } from "../engine/in-place.ts";
import {
  full,
  layerNorm,
  matmul,
  mul,
  neg,
  permute,
  reshape,
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
import { pad, unfold } from "../engine/windows.ts";
import { normEpsilon, type WeightUse } from "../nn/view.ts";
import type { SampleLayout } from "./sample-layout.ts";

/** What is summed over samples: the square of each entry of a sample's gradient, or its magnitude. */
export type Measure = "square" | "magnitude";

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

  /** Gradients of all samples of a batch, one after another along the first axis. */
  addEach(name: string, gradients: Tensor): void {
    const sum = this.sums.get(name);
    if (sum) addInto(sum, reshape(this.over(to(gradients, "float32")), sum.shape));
  }

  /** The gradients of all samples of a batch in one parameter's use, from what went into it and the gradient of what came out. */
  addUse(use: WeightUse, gradient: Tensor, layout: SampleLayout): void {
    const weight = this.sums.get(use.weight);
    const bias = use.bias === undefined ? undefined : this.sums.get(use.bias);
    if (use.kind === "rows") {
      if (weight) this.addTable(weight, { input: use.input, gradient, layout });
      return;
    }
    const flowing = use.kind === "convolution" ? places(gradient) : layout.group(gradient); // [B, L, N]
    if (bias) addInto(part(bias, use.rows), this.over(sumOver(to(flowing, "float32"), [1])));
    if (!weight) return;
    switch (use.kind) {
      case "linear":
        this.addProducts(part(rows(weight), use.rows), layout.group(use.input), flowing);
        return;
      case "projection":
        this.addProducts(weight, flowing, layout.group(use.input));
        return;
      case "convolution":
        this.addProducts(rows(weight), readPlaces(use, weight.shape[2] ?? 1), flowing);
        return;
      case "norm":
        addInto(weight, this.over(sumOver(mul(to(flowing, "float32"), layout.group(normalised(use.input))), [1])));
        return;
      case "shared":
        addInto(weight, reshape(this.over(to(flowing, "float32")), weight.shape));
        return;
      default:
        use.kind satisfies never;
    }
  }

  /** Σ over samples of the measure of gᵀ x, for x [B, L, K] and g [B, L, N]. */
  private addProducts(sum: Tensor, x: Tensor, g: Tensor): void {
    const wide = (value: Tensor): Tensor => to(value, "float32");
    // The measure of a product of two numbers is the product of their measures.
    if (x.shape[1] === 1) addInto(sum, matmul(transpose(squeeze(this.of(wide(g))), 0, 1), squeeze(this.of(wide(x)))));
    else if (x.dtype === g.dtype) addSampleProductsInto(sum, g, x, this.measure);
    else addSampleProductsInto(sum, wide(g), wide(x), this.measure);
  }

  /** A sample's gradient of a table's row is the sum over its tokens that read the row. */
  private addTable(
    sum: Tensor,
    { input, gradient, layout }: { readonly input: Tensor; readonly gradient: Tensor; readonly layout: SampleLayout },
  ): void {
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

/** A weight as a matrix: its first axis, and all others as one. */
const rows = (of: Tensor): Tensor => reshape(of, [of.shape[0] ?? 0, -1]);

/** Maps [B, C, H, W] as vectors, float32 [B, H · W, C]. */
const places = (maps: Tensor): Tensor => {
  const [samples = 0, channels = 0] = maps.shape;
  return transpose(reshape(to(maps, "float32"), [samples, channels, -1]), 1, 2);
};

/** What a kernel of `size` reads at each place of its output, float32 [B, H · W, C · size · size]. */
function readPlaces({ input, stride = 1, padding = 0 }: WeightUse, size: number): Tensor {
  const [samples = 0, channels = 0] = input.shape;
  const read = unfold(unfold(pad(to(input, "float32"), padding), { dim: 2, size, step: stride }), { dim: 3, size, step: stride }); // [B, C, H, W, size, size]
  return reshape(permute(read, [0, 2, 3, 1, 4, 5]), [samples, -1, channels * size * size]);
}

/** A layer norm's output before its own weight and bias. */
function normalised(x: Tensor): Tensor {
  const width = x.shape.at(-1) ?? 0;
  const of = (value: number): Tensor => full([width], value, "float32", x.device);
  return layerNorm(to(x, "float32"), of(1), of(0), normEpsilon);
}
