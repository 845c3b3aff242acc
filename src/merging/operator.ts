import type { z } from "zod";
import type { Tensor } from "../engine/tensor.ts";
import { Catalog, type Component } from "../util/component.ts";
import { EvergreenError } from "../util/errors.ts";
import type { Random } from "../util/random.ts";

/** A tensor of a tower, as operators see it. */
export interface MergedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Number of its entries. */
  readonly size: number;
  /** Entries of the tower's tensors before it: what a global threshold or a random mask counts by. */
  readonly start: number;
  /** Linear layers that lie below each other in it (3 for fused queries, keys and values); 0 for tables, norms, biases and convolutions. */
  readonly layers: number;
  /** Linear layers are output-first, [out, in]; CLIP's two projections are input-first. */
  readonly isInputFirst: boolean;
  /** One per model: convex where the operator takes shares, else factors of the task vectors. */
  readonly weights: readonly number[];
}

/** Models `from` … `from + count` − 1. */
export interface Group {
  readonly from: number;
  readonly count: number;
}

/** A run of entries of one tensor, of the base and of every model, oldest first. Each call reads anew; tensors are float32 [size]. */
export interface MergeInput {
  readonly tensor: MergedTensor;
  /** Its first entry within the tensor. */
  readonly offset: number;
  readonly size: number;
  /** Number of models. */
  readonly count: number;
  base(): Tensor;
  model(i: number): Tensor;
  /** A group of models in the types they are stored in: float32, float16 or bfloat16. */
  models(group: Group): readonly Tensor[];
  /** Σ of the models, each times its weight, in their order. */
  sum(weights: readonly number[]): Tensor;
  /** θ_i − θ0, times the model's factor where the operator takes factors. */
  vector(i: number): Tensor;
  /** The same of a group, one below the other: [count, size]. */
  vectors(group: Group): Tensor;
  /** What the operator said it needs. `fisher`: [size]; `gram`: XᵀX of the layer’s inputs X, [in · in]; undefined where there is none. */
  statistic(i: number): Tensor | undefined;
  readonly random: Random;
  /** Counts merges of a run; draws of different merges differ. */
  readonly task: number;
}

/** The tensors of one tower that an operator merges, read block by block. */
export interface Tower {
  readonly count: number;
  readonly tensors: readonly MergedTensor[];
  /** One pass: every block of every tensor in order, until `look` returns false. Blocks are cut `held` times as short, for those that hold so many models at once. */
  visit(look: (input: MergeInput) => undefined | false, held?: number): void;
  /** Tells the user of what is merged otherwise than the operator's name says. */
  note(text: string): void;
}

/** What an operator needs beside the weights: the diagonal of Fisher's matrix, or XᵀX of a layer's inputs. */
export type Statistic = "fisher" | "gram";

/** How mergekit's merge files tell of trims and agreement. */
export interface MergekitParameters {
  /** Share of the entries that stays. */
  readonly density?: number | undefined;
  /** Share of the largest entries that goes. */
  readonly gamma?: number | undefined;
  /** Whether entries that agree become their mean, not their sum. */
  readonly normalize?: boolean | undefined;
}

/** Many weights in, one set of weights out. It knows neither files nor tasks, and writes to none of its inputs. */
export interface MergeOperator<S extends z.ZodType = z.ZodType, Plan = unknown> extends Component<S> {
  /** Fewest and most models. */
  readonly models: readonly [fewest: number, most: number];
  /** What the models' weights mean: shares that add up to 1, factors of task vectors, or nothing. */
  readonly weights: "shares" | "factors" | "none";
  /** Shares of what is merged linearly whatever the operator (logit scale, running statistics); the weights, else equal ones, when absent. */
  linearShares?(count: number): readonly number[];
  /** True for the plain weighted mean: of many models over time it can be kept running. */
  readonly isMean?: true;
  /** True where the merged task vector is the sum of the weighted ones, trimmed or not: mergekit's `normalize` divides it by the sum of the weights. */
  readonly isSum?: true;
  /** True where models go in one after another and each is changed by those before: merges of pairs, one after another, are another merge. */
  readonly isSequential?: true;
  /** False where the base takes no part. */
  readonly usesBase: boolean;
  readonly needs?: Statistic;
  /** Tensors that must be given whole, because entries depend on each other; all others come in blocks of any size, with the same bits. */
  whole?(tensor: Pick<MergedTensor, "layers">): boolean;
  /** Its options for what mergekit's merge files tell in other words; absent where there is nothing of the kind. */
  mergekit?(asked: MergekitParameters): Readonly<Record<string, number | string>>;
  /** Times that every file is read, the merge itself included. */
  passes(options: z.output<S>): number;
  /** What depends on a whole tensor or tower (a threshold, an angle), found before anything is merged. */
  plan?(tower: Tower, options: z.output<S>): Plan;
  /** The merged entries, [size]. */
  merge(input: MergeInput, options: z.output<S>, plan: Plan): Tensor;
}

export const operators = new Catalog<MergeOperator>("merge operator", [new URL("./operators/", import.meta.url)]);

/** How deep a tensor lies in its tower of `blocks` blocks. */
export interface Depth {
  /** 0 for the first block; undefined outside of the blocks. */
  readonly block: number | undefined;
  readonly blocks: number;
  readonly side: "before" | "inside" | "after";
}

/** Scales the merged task vector of any operator, tensor by tensor. */
export interface MergeModifier<S extends z.ZodType = z.ZodType> extends Component<S> {
  /** True when it takes the place of the operator's own λ. */
  replacesLambda?(options: z.output<S>): boolean;
  factor(depth: Depth, options: z.output<S>): number;
}

export const modifiers = new Catalog<MergeModifier>("merge modifier", [new URL("./modifiers/", import.meta.url)]);

/** A merge that cannot be made as it was asked for. */
export class MergeError extends EvergreenError {
  constructor(message: string, fix: string) {
    super(`merge: ${message}`, { code: "EG-3150", exit: "config", fix });
  }
}
