import { matmul, meanOver, mul, sub, sum, sumOver, to, transpose } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import { item, type Tensor, type Weights } from "../engine/tensor.ts";

/** How far weights, or a part of them, have moved: ‖θ − θ₀‖₂, and that over ‖θ₀‖₂. */
export interface PartDistance {
  /** `all`, `image`, `text`, or a part of a tower as `image block 3`; the temperature belongs to `all` alone. */
  readonly part: string;
  readonly distance: number;
  /** Undefined where the start is 0. */
  readonly relative: number | undefined;
  readonly parameters: number;
}

/** Embeddings of the same pairs, rows of unit length [N, E]: row i of both is one pair. */
export interface PairEmbeddings {
  readonly image: Tensor;
  readonly text: Tensor;
}

/** What pairs say of one state of a model. */
export interface Alignment {
  /** ‖mean image − mean text‖₂. Source: arXiv:2203.02053, §2.2. */
  readonly modalityGap: number;
  /** Mean cosine of an image with its own text, and with the others' (undefined for one pair). */
  readonly matched: number;
  readonly unmatched: number | undefined;
}

/** How far the features of one tower have moved. */
export interface FeatureDrift {
  /** 1 − mean cosine with the start's features; 0 at the start. */
  readonly drift: number;
  /** Linear CKA with the start's features; 1 at the start, and for any rotation and scaling of them. Undefined where either are all the same. */
  readonly cka: number | undefined;
}

interface Squares {
  moved: number;
  start: number;
  parameters: number;
}

/** Distances of weights from their start, over all, over each tower and over each of its parts in the architecture's order. */
export function parameterDistances(weights: Weights, start: Weights): readonly PartDistance[] {
  const parts = new Map<string, Squares>();
  const add = (part: string, more: Squares): void => {
    const known = parts.get(part) ?? { moved: 0, start: 0, parameters: 0 };
    parts.set(part, {
      moved: known.moved + more.moved,
      start: known.start + more.start,
      parameters: known.parameters + more.parameters,
    });
  };
  for (const part of ["all", "image", "text"]) add(part, { moved: 0, start: 0, parameters: 0 });
  for (const [name, weight] of weights) {
    const from = start.get(name);
    if (!from) throw new Error(`internal: drift: the start has no weight named ${name}`);
    const squares = squaresOf(weight, from);
    for (const part of partsOf(name)) add(part, squares);
  }
  return [...parts].map(([part, { moved, start: square, parameters }]) => ({
    part,
    distance: Math.sqrt(moved),
    relative: square > 0 ? Math.sqrt(moved / square) : undefined,
    parameters,
  }));
}

function squaresOf(weight: Tensor, start: Tensor): Squares {
  return scope(() => {
    const from = to(start, "float64");
    const moved = sub(to(weight, "float64"), from);
    return { moved: item(sum(mul(moved, moved))), start: item(sum(mul(from, from))), parameters: weight.size };
  });
}

function partsOf(name: string): readonly string[] {
  if (name.startsWith("logit_")) return ["all"];
  const tower = name.startsWith("visual.") ? "image" : "text";
  const own = name.replace(/^visual\./, "");
  const block = /^transformer\.resblocks\.(\d+)\./.exec(own)?.[1] ?? /^layer(\d\.\d+)\./.exec(own)?.[1];
  return ["all", tower, block === undefined ? `${tower} ends` : `${tower} block ${block}`];
}

/** @throws {RangeError} for no pairs. */
export function alignmentOf({ image, text }: PairEmbeddings): Alignment {
  return scope(() => {
    const [f, g] = [to(image, "float64"), to(text, "float64")];
    const pairs = f.shape[0] ?? 0;
    if (pairs === 0) throw new RangeError("internal: alignment: no pairs");
    const gap = sub(meanOver(f, [0]), meanOver(g, [0])); // [E]
    const own = item(sum(mul(f, g)));
    // Every image with every text: the sums' product.
    const all = item(sum(mul(sumOver(f, [0]), sumOver(g, [0]))));
    return {
      modalityGap: Math.sqrt(item(sum(mul(gap, gap)))),
      matched: own / pairs,
      unmatched: pairs === 1 ? undefined : (all - own) / (pairs * (pairs - 1)),
    };
  });
}

/** Features of the same items now and at the start, rows of unit length [N, E]; the two widths may differ for CKA alone. */
export function featureDrift(now: Tensor, start: Tensor): FeatureDrift {
  return scope(() => {
    const [y, x] = [to(now, "float64"), to(start, "float64")];
    return { drift: 1 - item(sum(mul(y, x))) / (x.shape[0] ?? 1), cka: linearCka(x, y) };
  });
}

/**
 * ‖YᵀX‖²_F / (‖XᵀX‖_F · ‖YᵀY‖_F) of centred features [N, D] and [N, E]; undefined where one of them does not vary.
 * Source: arXiv:1905.00414, eq. 3 with a linear kernel.
 */
export function linearCka(x: Tensor, y: Tensor): number | undefined {
  return scope(() => {
    const [a, b] = [centred(x), centred(y)];
    const norms = Math.sqrt(squareOfProduct(a, a) * squareOfProduct(b, b));
    return norms > 0 ? squareOfProduct(a, b) / norms : undefined;
  });
}

function centred(features: Tensor): Tensor {
  const exact = to(features, "float64");
  return sub(exact, meanOver(exact, [0], true));
}

/** ‖bᵀa‖²_F. */
function squareOfProduct(a: Tensor, b: Tensor): number {
  return scope(() => {
    const product = matmul(transpose(b, 0, 1), a);
    return item(sum(mul(product, product)));
  });
}
