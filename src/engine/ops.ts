import { noGrad } from "./grad.ts";
import { hostDevice } from "./host.ts";
import { inPlace } from "./in-place.ts";
import { isWidened } from "./kernels.ts";
import { type Argument, one, operator } from "./operator.ts";
import { scope } from "./scope.ts";
import { type Device, type DType, Tensor, type Weights } from "./tensor.ts";

// One line each: the operator's own schema converts and checks. Shapes broadcast as in PyTorch.

/** libtorch's codes of its scalar types. */
export const dtypeCodes: Readonly<Record<DType, number>> = {
  uint8: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  bool: 11,
  bfloat16: 15,
};

const call = (name: string, ...args: readonly Argument[]): Tensor => one(name, operator(name)(...args));
const fraction = (value: number): Argument => ({ float: value });

export const add = (a: Tensor, b: Tensor): Tensor => call("aten::add.Tensor", a, b);
export const addNumber = (a: Tensor, b: number): Tensor => call("aten::add.Scalar", a, fraction(b));
export const sub = (a: Tensor, b: Tensor): Tensor => call("aten::sub.Tensor", a, b);
export const mul = (a: Tensor, b: Tensor): Tensor => call("aten::mul.Tensor", a, b);
export const mulNumber = (a: Tensor, b: number): Tensor => call("aten::mul.Scalar", a, fraction(b));
export const div = (a: Tensor, b: Tensor): Tensor => call("aten::div.Tensor", a, b);
export const divNumber = (a: Tensor, b: number): Tensor => call("aten::div.Scalar", a, fraction(b));
/** a + share · (b − a). */
export const lerp = (a: Tensor, b: Tensor, share: number): Tensor => call("aten::lerp.Scalar", a, b, fraction(share));
export const neg = (a: Tensor): Tensor => call("aten::neg", a);
/** 1/√a. */
export const rsqrt = (a: Tensor): Tensor => call("aten::rsqrt", a);
export const exp = (a: Tensor): Tensor => call("aten::exp", a);
export const sigmoid = (a: Tensor): Tensor => call("aten::sigmoid", a);
export const logSigmoid = (a: Tensor): Tensor => call("aten::log_sigmoid", a);
export const relu = (a: Tensor): Tensor => call("aten::relu", a);
/** Exact GELU, with erf. */
export const gelu = (a: Tensor): Tensor => call("aten::gelu", a, "none");
/** x·σ(1.702x). */
export const quickGelu = (a: Tensor): Tensor => mul(a, sigmoid(mulNumber(a, 1.702)));
export const sum = (a: Tensor): Tensor => call("aten::sum", a);
export const sumOver = (a: Tensor, dims: readonly number[], keepDims = false): Tensor => call("aten::sum.dim_IntList", a, dims, keepDims);
export const mean = (a: Tensor): Tensor => call("aten::mean", a);
export const meanOver = (a: Tensor, dims: readonly number[], keepDims = false): Tensor => call("aten::mean.dim", a, dims, keepDims);

const isOnHost = ({ device }: Tensor): boolean => device === hostDevice || device === "meta";

/** An operator of libtorch with products in it, which follows no kernel table: its tensors are widened here where the table says so. */
function product(name: string, args: readonly Argument[]): Tensor {
  const isAsked = (each: Argument): each is Tensor => each instanceof Tensor && isWidened(each.dtype) && isOnHost(each);
  if (!args.some(isAsked)) return call(name, ...args);
  return scope(() => to(call(name, ...args.map((each) => (isAsked(each) ? to(each, "float32") : each))), "bfloat16"));
}

export const matmul = (a: Tensor, b: Tensor): Tensor => product("aten::matmul", [a, b]);
/** x [..., K] times weightᵀ with weight [N, K], plus bias [N]. Differentiable; the kernel follows the run's kernel table. */
export const linear = (x: Tensor, weight: Tensor, bias?: Tensor): Tensor => call("evergreen::linear", x, weight, bias ?? null);
/** Exact GELU of the same; one pass over memory where no graph is built. */
export const linearGelu = (x: Tensor, weight: Tensor, bias?: Tensor): Tensor => call("evergreen::linear_gelu", x, weight, bias ?? null);
/** x [B, C, H, W], weight [N, C, k, k]. */
export const conv2d = (
  x: Tensor,
  weight: Tensor,
  options: { readonly stride: number; readonly padding?: number; readonly bias?: Tensor },
): Tensor =>
  product("aten::conv2d", [
    x,
    weight,
    options.bias ?? null,
    [options.stride, options.stride],
    [options.padding ?? 0, options.padding ?? 0],
  ]);
export const avgPool2d = (x: Tensor, size: number): Tensor => call("aten::avg_pool2d", x, [size, size]);
export const layerNorm = (x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor =>
  call("aten::layer_norm", x, weight.shape, weight, bias, epsilon);
/** Momentum 0.1 and ε 1e-5, as PyTorch's defaults. In training the running `mean` and `variance` are moved in place, if given. */
export const batchNorm = (
  x: Tensor,
  at: { readonly weight: Tensor; readonly bias: Tensor; readonly mean?: Tensor; readonly variance?: Tensor; readonly training: boolean },
): Tensor => call("aten::batch_norm", x, at.weight, at.bias, at.mean ?? null, at.variance ?? null, at.training, 0.1, 1e-5, false);
/** What a token sees: all, itself and those before it, or what a mask of −∞ and 0 added to the scores leaves. */
export type Sight = "all" | "earlier" | Tensor;

/**
 * Softmax(q kᵀ/√d) v over [B, heads, L, d].
 * In bfloat16 on the processor the products are asked for one by one: libtorch's fused kernel calls a matrix product for each head there and takes up to six times as long. Widened
 * products are those of float32, whose fused kernel is the faster one.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, sight: Sight): Tensor {
  const isPlanned = q.device === "meta";
  if (isOnHost(q) && typeof sight === "string" && isWidened(q.dtype))
    return scope(() => to(attention(to(q, "float32"), to(k, "float32"), to(v, "float32"), sight), q.dtype));
  if (isOnHost(q) && (q.dtype === "bfloat16" || typeof sight !== "string")) return attentionByProducts(q, k, v, sight);
  const causal = sight === "earlier";
  // Left to itself libtorch plans the decomposed form, which is not what the processor runs.
  return isPlanned
    ? call("aten::_scaled_dot_product_flash_attention_for_cpu", q, k, v, 0, causal)
    : call("aten::scaled_dot_product_attention", q, k, v, typeof sight === "string" ? null : sight, 0, causal);
}

function attentionByProducts(q: Tensor, k: Tensor, v: Tensor, sight: Sight): Tensor {
  const scores = matmul(mulNumber(q, (q.shape[3] ?? 1) ** -0.5), transpose(k, 2, 3)); // [B, heads, L, L]
  const mask = sight === "earlier" ? causalMask(q.shape[2] ?? 0, q.device) : sight;
  return matmul(softmax(mask === "all" ? scores : add(scores, mask), -1), v);
}

/** −∞ above the diagonal, [L, L]. */
function causalMask(tokens: number, device: Device): Tensor {
  return call("aten::triu", full([tokens, tokens], Number.NEGATIVE_INFINITY, "bfloat16", device), 1);
}

export const embedding = (table: Tensor, ids: Tensor): Tensor => call("aten::embedding", table, ids);
export const softmax = (a: Tensor, dim: number): Tensor => call("aten::softmax.int", a, dim);
/** Mean cross entropy of logits [B, K] with labels int64 [B], or with shares [B, K]. */
export const crossEntropy = (logits: Tensor, labels: Tensor): Tensor => call("aten::cross_entropy_loss", logits, labels);

export const reshape = (a: Tensor, shape: readonly number[]): Tensor => call("aten::reshape", a, shape);
export const transpose = (a: Tensor, first: number, second: number): Tensor => call("aten::transpose.int", a, first, second);
export const permute = (a: Tensor, order: readonly number[]): Tensor => call("aten::permute", a, order);
/** Whether the entries lie row by row, as a file holds them. */
export const isContiguous = (a: Tensor): boolean => operator("aten::is_contiguous")(a)[0] === true;
export const contiguous = (a: Tensor): Tensor => call("aten::contiguous", a);
export const clone = (a: Tensor): Tensor => call("aten::clone", a);
export const detach = (a: Tensor): Tensor => call("aten::detach", a);
export const expand = (a: Tensor, shape: readonly number[]): Tensor => call("aten::expand", a, shape);
/** Entries `from`…`to` (exclusive) along `dim`. */
export const slice = (a: Tensor, dim: number, from: number, to: number): Tensor => call("aten::slice.Tensor", a, dim, from, to);
export const select = (a: Tensor, dim: number, index: number): Tensor => call("aten::select.int", a, dim, index);
export const indexSelect = (a: Tensor, dim: number, indices: Tensor): Tensor => call("aten::index_select", a, dim, indices);
export const concat = (parts: readonly Tensor[], dim: number): Tensor => call("aten::cat", parts, dim);
export const stack = (parts: readonly Tensor[], dim: number): Tensor => call("aten::stack", parts, dim);
export const maxOver = (a: Tensor, dims: readonly number[]): Tensor => call("aten::amax", a, dims);
export const argmax = (a: Tensor, dim: number): Tensor => call("aten::argmax", a, dim);

/** Unit L2 length along the last axis; a zero row stays zero (ε 1e-12, as F.normalize). */
export const normalize = (a: Tensor): Tensor =>
  div(a, call("aten::clamp_min", call("aten::linalg_vector_norm", a, 2, [-1], true), fraction(1e-12)));

export const to = (a: Tensor, dtype: DType): Tensor => (a.dtype === dtype ? a : call("aten::to.dtype", a, dtypeCodes[dtype]));
export const toDevice = (a: Tensor, device: Device): Tensor => call("aten::to.dtype_layout", a, dtypeCodes[a.dtype], null, device);
/** All weights of a model, or of a part of one, on another device; on their own device they are the same tensors. */
export const weightsToDevice = (weights: Weights, device: Device): Weights =>
  new Map([...weights].map(([name, weight]) => [name, weight.device === device ? weight : toDevice(weight, device)]));
export const zeros = (shape: readonly number[], dtype: DType = "float32", device: Device = hostDevice): Tensor =>
  call("aten::zeros", shape, dtypeCodes[dtype], null, device);
export const zerosLike = (a: Tensor): Tensor => call("aten::zeros_like", a);
export const full = (shape: readonly number[], value: number, dtype: DType = "float32", device: Device = hostDevice): Tensor =>
  call("aten::full", shape, fraction(value), dtypeCodes[dtype], null, device);
/** 0, 1, …, n − 1 as int64. */
export const arange = (n: number, device: Device = hostDevice): Tensor => call("aten::arange", n, dtypeCodes.int64, null, device);

/** Overwrites `target` with `source`; only an owner of `target` may. */
export const copyInto = (target: Tensor, source: Tensor): void => inPlace("aten::copy_", target, source);
/** Clamps in place, outside of any graph; only an owner may. */
export const clampInPlace = (target: Tensor, low: number, high: number): void =>
  inPlace("aten::clamp_", target, fraction(low), fraction(high));

/** L2 norm over all entries of all tensors: a float32 scalar with the same bits for any number of threads. */
export const globalNorm = (gradients: readonly Tensor[]): Tensor => call("evergreen::global_norm", gradients);

export interface AdamWStep {
  readonly weights: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  readonly first: readonly Tensor[];
  readonly second: readonly Tensor[];
  /** For each weight a bfloat16 tensor that receives its new value, or null. */
  readonly copies: readonly (Tensor | null)[];
  readonly rates: readonly number[];
  readonly decays: readonly number[];
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  /** Counts from 1. */
  readonly step: number;
  /** Factor of every gradient: a scalar. */
  readonly scale: Tensor;
}
/** One AdamW step over all parameters, in place, in one pass over memory. */
export const fusedAdamW = (at: AdamWStep): void => {
  const { weights, gradients, first, second, copies, rates, decays, betas, epsilon, step, scale } = at;
  operator("evergreen::adamw_")(weights, gradients, first, second, copies, rates, decays, betas[0], betas[1], epsilon, step, scale);
};

export interface SgdStep {
  /** float32, of one rate and decay. */
  readonly weights: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  readonly momenta: readonly Tensor[];
  readonly rate: number;
  readonly decay: number;
  readonly momentum: number;
  /** The momenta are empty: they become the gradients. */
  readonly isFirst: boolean;
}
/** One step of gradient descent with momentum, in place. It needs no memory of its own, so shapes alone have nothing to tell of it. */
export const fusedSgd = (at: SgdStep): void => {
  if (at.weights[0]?.device === "meta") return;
  const { weights, gradients, momenta, rate, decay, momentum, isFirst } = at;
  noGrad(() =>
    operator("aten::_fused_sgd_")(weights, gradients, momentum > 0 ? momenta : [], decay, momentum, rate, 0, false, false, isFirst),
  );
};
