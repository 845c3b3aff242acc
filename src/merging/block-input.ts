import { squaredDistances, taskVectors } from "../engine/entries.ts";
import { MappedFile } from "../engine/mapped-file.ts";
import { reshape, to } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { Random } from "../util/random.ts";
import { type EntryRange, type EntryReader, runsOf, sizeOf } from "./entry-reader.ts";
import { sumOfGroups } from "./fold.ts";
import type { Group, MergedTensor, MergeInput, Statistic } from "./operator.ts";

/** Models and what is known of them, oldest first. */
export interface MergeModels {
  /** Undefined where no operator needs it. */
  readonly base: EntryReader | undefined;
  readonly models: readonly EntryReader[];
  /** One a model, where the operator needs them. */
  readonly statistics?: readonly EntryReader[];
}

/** What the inputs of one tower share. */
export interface InputContext extends MergeModels {
  readonly hasFactors: boolean;
  /** Whether the operator, or a modifier of its result, asks for the base. */
  readonly usesBase: boolean;
  readonly needs: Statistic | undefined;
  readonly random: Random;
  readonly task: number;
}

/** Hears the sum of squares of each task vector's block, once a model. */
export type Listener = (i: number, squares: number) => void;

/** A run of entries that is read when it is asked for. It lives in one scope: the base is read once. */
export class BlockInput implements MergeInput {
  readonly tensor: MergedTensor;
  readonly offset: number;
  readonly size: number;
  readonly count: number;
  readonly random: Random;
  readonly task: number;
  private readonly context: InputContext;
  private readonly listener: Listener | undefined;
  private readonly heard = new Set<number>();
  private readonly held: Tensor | undefined;

  constructor(tensor: MergedTensor, at: EntryRange, context: InputContext, listener?: Listener) {
    this.tensor = tensor;
    this.offset = at.offset;
    this.size = at.size;
    this.count = context.models.length;
    this.random = context.random;
    this.task = context.task;
    this.context = context;
    this.listener = listener;
    // Read here, in the scope of the whole block: steps of an operator have scopes of their own.
    this.held = context.base && (context.usesBase || listener) ? to(context.base.read(tensor.name, this), "float32") : undefined;
  }

  base(): Tensor {
    if (!this.held) throw new Error("internal: an operator that uses no base asked for it");
    return this.held;
  }

  model(i: number): Tensor {
    return to(this.models({ from: i, count: 1 })[0] as Tensor, "float32");
  }

  models({ from, count }: Group): readonly Tensor[] {
    const read = Array.from({ length: count }, (_, k) => this.readModel(from + k));
    this.tell(from, read);
    return read;
  }

  sum(weights: readonly number[]): Tensor {
    const runs = runsOf(this.context.models, this.tensor.name, this);
    const base = this.listener && this.held;
    const found = runs && MappedFile.sum(runs, { weights, size: this.size, base });
    // A file that became shorter meets its failure where models are read by themselves.
    if (!found) return sumOfGroups(weights, (group) => this.models(group));
    this.hear(0, found.squares);
    return found.sum;
  }

  vector(i: number): Tensor {
    return reshape(this.vectors({ from: i, count: 1 }), [this.size]);
  }

  vectors(group: Group): Tensor {
    const models = this.models(group);
    const factorOf = (i: number): number => (this.context.hasFactors ? (this.tensor.weights[i] ?? 1) : 1);
    return taskVectors(
      models,
      this.base(),
      models.map((_, k) => factorOf(group.from + k)),
    );
  }

  statistic(i: number): Tensor | undefined {
    const reader = this.context.statistics?.[i];
    const { name } = this.tensor;
    if (!reader?.has(name)) return undefined;
    if (this.context.needs === "fisher") return to(reader.read(name, this), "float32");
    return to(reader.read(name, { offset: 0, size: sizeOf(reader.shape(name)) }), "float32");
  }

  private readModel(i: number): Tensor {
    const reader = this.context.models[i];
    if (!reader) throw new Error(`internal: no model ${i}`);
    return reader.read(this.tensor.name, this);
  }

  private tell(from: number, models: readonly Tensor[]): void {
    if (!this.listener || !this.held || this.heard.has(from + models.length - 1)) return;
    this.hear(from, squaredDistances(models, this.held));
  }

  private hear(from: number, squares: readonly number[]): void {
    for (const [k, each] of squares.entries()) {
      if (!this.heard.has(from + k)) this.listener?.(from + k, each);
      this.heard.add(from + k);
    }
  }
}
