import { z } from "zod";
import { below } from "../../engine/elementwise.ts";
import { addProductInto } from "../../engine/in-place.ts";
import { onOneThread, singularValues } from "../../engine/linear-algebra.ts";
import {
  addNumber,
  copyInto,
  fusedAdamW,
  matmul,
  mul,
  mulNumber,
  slice,
  sumOver,
  to,
  transpose,
  zeros,
  zerosLike,
} from "../../engine/ops.ts";
import type { Tensor, Weights } from "../../engine/tensor.ts";
import { divide, isMatrix, moveChosen } from "../matrices.ts";
import { beta } from "../moments.ts";
import type { OptimizerDefinition, OptimizerState, Slot } from "../optimizer.ts";
import adamw from "./adamw.ts";

const options = z.strictObject({
  r: z.int().min(1).default(128).describe("dimensions that gradients are projected to"),
  gap: z.int().min(1).default(200).describe("steps between two projections"),
  scale: z.number().positive().default(0.25).describe("factor of a projected step"),
  momentsAtGap: z.enum(["keep", "reset"]).default("keep").describe("whether moments outlast a new projection"),
  betas: z.tuple([beta, beta]).default([0.9, 0.999]).describe("of the running means of gradients and of their squares"),
  eps: z.number().positive().default(1e-8).describe("added to the root of the mean square"),
});
type Options = z.output<typeof options>;

/**
 * AdamW on gradients projected to r dimensions of the shorter side: the first singular vectors of every `gap`-th gradient. Tables, norms, biases and the patch
 * convolution take plain AdamW, and so do matrices with a side of r or less. The vectors' signs are those nearest to the ones before, so moments that are kept keep their meaning.
 */
const galore: OptimizerDefinition<typeof options> = {
  summary: "AdamW on gradients projected onto their first singular vectors.",
  source: "arXiv:2403.03507, algorithm 2",
  options,
  init(weights, chosen) {
    const { chosen: projected, others } = divide(weights, isProjected(chosen.r));
    const plain = adamw.init(others, chosen);
    const of = (shapeOf: (shape: readonly number[]) => readonly number[]): Weights =>
      new Map([...projected].map(([name, { shape, device }]) => [name, zeros(shapeOf(shape), "float32", device)]));
    const low = (shape: readonly number[]): readonly number[] => lowShape(shape, chosen.r);
    return {
      exp_avg: new Map([...(plain.exp_avg ?? []), ...of(low)]),
      exp_avg_sq: new Map([...(plain.exp_avg_sq ?? []), ...of(low)]),
      projector: of((shape) => [Math.min(...shape), chosen.r]),
    };
  },
  step(slots, gradients, state, at) {
    const others = moveChosen(slots, gradients, isProjected(at.options.r), (slot, gradient) => move(slot, gradient, state, at));
    adamw.step(others.slots, others.gradients, state, at);
  },
};
export default galore;

const isProjected =
  (r: number) =>
  (name: string, shape: readonly number[]): boolean =>
    isMatrix(name, shape) && Math.min(...shape) > r;

/** Rows are projected where there are no more of them than columns. */
const isLeft = ([rows = 0, columns = 0]: readonly number[]): boolean => rows <= columns;
const lowShape = (shape: readonly number[], r: number): readonly number[] => (isLeft(shape) ? [r, shape[1] ?? 0] : [shape[0] ?? 0, r]);

function move(
  { name, weight, copy, learningRate, decay }: Slot,
  gradient: Tensor,
  state: OptimizerState,
  at: { readonly step: number; readonly scale: Tensor; readonly options: Options },
): void {
  const held = (kind: string): Tensor => state[kind]?.get(name) as Tensor;
  const { r, gap, scale, momentsAtGap, betas, eps } = at.options;
  const [projector, first, second] = [held("projector"), held("exp_avg"), held("exp_avg_sq")];
  const isFresh = (at.step - 1) % gap === 0;
  if (isFresh) copyInto(projector, facing(leading(gradient, r), projector));
  if (isFresh && momentsAtGap === "reset") for (const moment of [first, second]) copyInto(moment, zerosLike(moment));
  const isRows = isLeft(weight.shape);
  const low = isRows ? matmul(transpose(projector, 0, 1), gradient) : matmul(gradient, projector);
  // From zero, at a rate of 1 and without decay, AdamW leaves the negative of its update.
  const update = zerosLike(low);
  fusedAdamW({
    weights: [update],
    gradients: [low],
    first: [first],
    second: [second],
    copies: [null],
    rates: [1],
    decays: [0],
    betas,
    epsilon: eps,
    step: momentsAtGap === "reset" ? ((at.step - 1) % gap) + 1 : at.step,
    scale: at.scale,
  });
  const by = { keep: 1 - learningRate * decay, scale: learningRate * scale };
  if (isRows) addProductInto(weight, projector, update, by);
  else addProductInto(weight, update, transpose(projector, 0, 1), by);
  if (copy) copyInto(copy, weight);
}

/** The first r singular vectors of the shorter side, as columns. */
function leading(gradient: Tensor, r: number): Tensor {
  const { u, vt } = onOneThread(() => singularValues(gradient));
  return isLeft(gradient.shape) ? slice(u, 1, 0, r) : transpose(slice(vt, 0, 0, r), 0, 1);
}

/** Columns with the signs under which none of them points away from its predecessor. */
function facing(columns: Tensor, before: Tensor): Tensor {
  const isAway = to(below(sumOver(mul(columns, before), [0]), 0), "float32");
  return mul(columns, addNumber(mulNumber(isAway, -2), 1));
}
