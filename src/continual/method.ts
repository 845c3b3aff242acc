import type { z } from "zod";
import type { Learning, LearningSides } from "../budget/step-flops.ts";
import type { SampleId } from "../data/source.ts";
import type { StateTree, Tensor, Weights } from "../engine/tensor.ts";
import type { BatchSource } from "../mixtures/mixture.ts";
import type { ClipConfig } from "../models/architecture.ts";
import type { Clip, Precision } from "../models/clip.ts";
import type { TokenBatch } from "../models/text-transformer.ts";
import type { Adapters } from "../nn/adapter.ts";
import type { ObjectiveDefinition } from "../nn/objective.ts";
import type { OptimizerState } from "../nn/optimizer.ts";
import type { Lineage } from "../runs/lineage.ts";
import { Catalog, type Component } from "../util/component.ts";
import type { Json } from "../util/json.ts";
import type { Random } from "../util/random.ts";
import type { PairBatch } from "./gradients.ts";

/** Why a row is in a batch: the mixture's sources, and what a method asks for beside them. */
export type RowRole = BatchSource | "reservoir" | "reference";

/** What a method wrote on a row that it asked for: with it the row is known as its own. */
export interface RowMark {
  /** The method's name. */
  readonly by: string;
  /** Where the method keeps what it knows of the row. */
  readonly slot: number;
  /** What the row is for; one row may serve several terms. */
  readonly uses: readonly string[];
}

/** A row of a batch, in the order of its pairs. */
export interface RowInfo {
  readonly id: SampleId;
  readonly role: RowRole;
  readonly caption: string;
  readonly mark?: RowMark;
}

/** Where a run stands: task and step of the task, from 0. */
export interface StepIndex {
  readonly task: number;
  readonly step: number;
}

/** What holds for a whole run. */
export interface RunFacts {
  readonly tasks: number;
  readonly precision: Precision;
  readonly objective: ObjectiveDefinition;
  /** Rows of the mixture's batch. */
  readonly batchSize: number;
  /** Pairs embedded at a time; all when absent. */
  readonly microBatch?: number;
  /** Whether training keeps the logit scale within [0, ln 100]. */
  readonly clampsLogitScale: boolean;
  readonly seed: number;
  readonly random: Random;
}

/** Experts that a method keeps as files, for rules over all of them. Names are the method's own. */
export interface ExpertLibrary {
  /** Durable when it returns; a name that is there already is replaced. */
  put(name: string, weights: Weights): void;
  /** Mapped from the file; outside of a scope they are the caller's to release. A file that is no longer what was put is refused. */
  get(name: string): Promise<Weights>;
}

/** Held-back samples: of the current task, of the tasks before it, and of what else the model should still know, which is evaluated sets that are not streamed, or the pretraining pool. */
export type ScoredGroup = "task" | "earlier" | "retention";

/** A group's mean over its sets of each one's headline score, in [0, 1]; absent where nothing of it is held back. */
export type HeldOutScores = Readonly<Partial<Record<ScoredGroup, number>>>;

/** What a method asks of {@link TaskContext.score}. Where one asks, a fifth of the training samples is held back of training. */
export interface Scoring {
  readonly of: readonly ScoredGroup[];
  /** Calls at a task's end, at most. */
  readonly calls: number;
  /** Samples of each set in a group, at most: drawn ones, the same for a task's every call. */
  readonly perSet: number;
}

/** Where a method works between tasks. */
export interface TaskContext {
  readonly task: number;
  /** Steps of the task. */
  readonly steps: number;
  readonly run: RunFacts;
  /** In training. Its tensors are borrowed: {@link snapshot} copies them. */
  readonly model: Clip;
  /** True for a parameter that learns in this run, adapters' among them. */
  learns(name: string): boolean;
  /** The weights θ0 that the run began with, borrowed. */
  origin(): Promise<Weights>;
  /**
   * Batches of the task's own samples in a drawn order, evaluation transform, rows of a whole batch each; a last one that is not full is left out unless it is the only one. A batch lives
   * until the next is asked for.
   */
  batches(request: { readonly maxSamples: number; readonly batchSize: number }): AsyncGenerator<PairBatch>;
  /** How good weights are on samples that were held back of training, as {@link Method.scoring} asks; in `flow` alone. */
  score(weights: Weights): Promise<HeldOutScores>;
  /**
   * Contrastive losses of weights on one batch of rows that the task drew of its buffer and of pretraining data, at most 64, with the evaluation's transform: the same batch whenever a task asks.
   * It trains nothing and is not charged; in `flow` alone. Undefined where the task draws fewer than two such rows.
   */
  probe(weights: readonly Weights[]): Promise<readonly number[] | undefined>;
  readonly experts: ExpertLibrary;
  /** Rows of steps of the run. */
  readonly seen: SeenRows;
  /** Texts as the run's batches hold them, each distinct one once. */
  tokens(texts: readonly string[]): TokenBatch;
  /** Tells the user something that does not end the run. */
  warn(code: string, message: string): void;
}

/** The features of a joined batch, and how to make more of them. */
export interface FeatureContext {
  readonly at: StepIndex;
  /** Unit length, float32 [B, E], of all rows; the graph reaches the model through them. */
  readonly image: Tensor;
  readonly text: Tensor;
  /** exp(logit_scale), a scalar of the graph. */
  readonly scale: Tensor;
  readonly rows: readonly RowInfo[];
  /** The run's objective over some rows, a scalar. */
  contrastive(rows: readonly number[]): Tensor;
  /** Unit-length features of some rows, all when absent, under weights of {@link teacherWeights}: without a graph, in parts as small as the run's own. */
  embed(weights: Weights, rows?: readonly number[]): { readonly image: Tensor; readonly text: Tensor };
  /** The same of their images alone; the weights may be an image tower's and logit_scale. */
  embedImages(weights: Weights, rows?: readonly number[]): Tensor;
}

/** A step that has been taken. */
export interface AppliedStep {
  readonly at: StepIndex;
  readonly model: Clip;
  /** Weights before the step, where the method asks for them with `needsBefore`. */
  readonly before?: Weights;
  /** Of the task's loss and its terms, before penalties, edits and clipping; by parameter that learns. */
  readonly gradients: Weights;
  readonly moments: OptimizerState;
  /** Unit length, float32 [B, E], as the step saw them. */
  readonly features: { readonly image: Tensor; readonly text: Tensor };
  /** exp(logit_scale) as the step saw it. */
  readonly scale: number;
  readonly rows: readonly RowInfo[];
  /** Rate of a parameter in this step. */
  learningRate(name: string): number;
}

/** The weights after a task. A tensor is new, or one that was handed to the method. */
export interface WeightFlow<State> {
  /** What is evaluated and shipped. Default: the expert. */
  readonly deploy?: Weights;
  /** What the next task starts from. Default: the expert. */
  readonly start?: Weights;
  readonly state?: State;
  /** How they came about; where it is not said, of the expert, by the method. */
  readonly lineage?: Lineage;
}

/** A step's mixture rows, asked for in any order. */
export interface SeenRows {
  (at: StepIndex): readonly RowInfo[];
  /** Why each of them is in the batch, without the cost of drawing them; none past a task's last step. */
  roles(at: StepIndex): readonly RowRole[];
}
/** A row that a method asks for: a sample that an earlier step drew. */
export interface MethodRow {
  readonly role: Exclude<RowRole, BatchSource>;
  /** The step and the place in its batch where the sample was drawn; image and caption are drawn as they were there. */
  readonly from: DrawnAt;
  readonly mark?: RowMark;
}
/** A place in the batch of a step. */
export interface DrawnAt extends StepIndex {
  readonly row: number;
}

/**
 * A continual-learning method as hooks, in the order a run calls them. All optional: `{}` is plain fine-tuning. Hooks are pure: they write to nothing they are handed and hold nothing but
 * what their state says. Tensors of a returned state live on; all others end with the hook. Synchronous hooks run in a scope; asynchronous ones compute in scopes of their own.
 */
export interface Method<State extends StateTree = StateTree> {
  /** How closed forms and the published table know it; nothing where it costs what plain fine-tuning does. */
  readonly budget?: MethodBudget;
  /** What is held at the most in a run of so many tasks, the longest of so many steps, beyond what its state holds as the second task starts. A plan sees that start, the second step and the task's end, and no {@link flow}. */
  holds?(tasks: number, steps: number): Held | Promise<Held>;
  /** How often {@link expert} and {@link flow} together go through all of a model's entries after a task (from 0): one for each model that is read or written. No plan sees it in shapes. */
  passes?(task: number): number | Promise<number>;
  /** Present where weights are scored on held-back samples. */
  readonly scoring?: Scoring;
  /** The architecture that learns: the model's, or one that has more parameters, which are drawn as the run begins. What is evaluated before the first task is the model without them. */
  architecture?(config: ClipConfig): ClipConfig;
  /** Adapters beside the model's linear layers, made when there are none: at the first task, and where a task starts from other weights than the last one's. */
  adapt?(model: Clip, at: { readonly task: number; readonly random: Random }): Adapters;
  /** Which parameters learn, adapters' among them; all when absent. */
  trainable?(name: string): boolean;
  /** Factors of a parameter's rate and decay. */
  group?(name: string): { readonly rate?: number; readonly decay?: number };
  /** What is remembered, before the first task. The trainer stores it. */
  init?(task: TaskContext): State | Promise<State>;
  startTask?(task: TaskContext, state: State): State | Promise<State>;
  /** Most rows of {@link rows} beside a mixture's batch of so many; a method with `rows` has to say. */
  mostRows?(batchSize: number): number;
  /** Rows a step needs beside the mixture's. A function of what was drawn alone, so loaders ask ahead. */
  rows?(at: StepIndex, seen: SeenRows, run: RunFacts): readonly MethodRow[];
  /** Which rows take part in the run's contrastive loss. Default: those of the mixture. */
  contrastive?(role: RowRole, at: StepIndex): boolean;
  /** Terms that are added to the loss, by name: each is logged. Once a step, over the whole joined batch. */
  loss?(batch: FeatureContext, state: State): Readonly<Record<string, Tensor>>;
  /** A pull on one weight, in closed form: value, a scalar, and gradient, of the weight's shape. */
  penalty?(name: string, weight: Tensor, state: State): { readonly value: Tensor; readonly gradient: Tensor } | undefined;
  /** Gradients as the optimizer will see them: every penalty's is in them, clipping comes after. */
  gradients?(gradients: Weights, batch: GradientContext, state: State): Weights;
  /** Asks for {@link AppliedStep.before}. */
  readonly needsBefore?: boolean;
  afterStep?(step: AppliedStep, state: State): State;
  /** Weights to put in place of the model's in mid-task, by name; the others stay. */
  rewrite?(step: AppliedStep, state: State): Weights | undefined;
  endTask?(task: TaskContext, state: State): State | Promise<State>;
  /** What the task leaves: θ_t. Default: the trained weights, adapters folded in, which are handed over. */
  expert?(trained: Weights, task: TaskContext, state: State): Weights | Promise<Weights>;
  flow?(expert: Weights, task: TaskContext, state: State): WeightFlow<State> | Promise<WeightFlow<State>>;
  /** Models in the {@link ExpertLibrary} that are evaluated and shipped as one after a task, by name; what `flow` deploys is the last of them. An item's logit is the largest over all. */
  ensemble?(task: number): readonly string[];
  /** Sees what is evaluated and shipped after the task, whatever method decided it; borrowed, as the model's. */
  shipped?(deployed: Weights, task: TaskContext, state: State): State | Promise<State>;
}

/** What a hook that edits gradients may ask. */
export interface GradientContext {
  readonly at: StepIndex;
  readonly rows: readonly RowInfo[];
  /** Gradients of the run's objective over some rows of the batch alone: a pass of its own. */
  gradientsOf(rows: readonly number[]): Weights;
}

/** What a method holds beyond what a plan sees; nothing of what is absent. */
export interface Held {
  /** Whole models in its state. */
  readonly models?: number;
  /** Sets of the run's adapters in its state. */
  readonly adapterSets?: number;
  /** Those models and sets lie in the host's memory. */
  readonly isAway?: boolean;
  /** Whole models in files: see {@link ExpertLibrary}. */
  readonly experts?: number;
  /** Files beside them, each of what the method's state holds when a task has ended. */
  readonly statistics?: number;
}

/** What a plan takes from a method that it cannot meter on shapes. */
export interface MethodBudget {
  /** What learns in both towers or in each, for the closed form of a step's FLOPs; `metered` where there is none, or where a step does more than the closed form knows of. */
  readonly learns?: Learning | LearningSides | "metered";
  /**
   * Batches that the end of a task works through, given the samples of a task and the rows of a batch; in closed form each costs what a step does. Of infinitely many
   * samples, which the published charge asks about, it is a finite number too.
   */
  batchesAtTaskEnd?(of: { readonly samples: number; readonly batchSize: number }): number;
  /** Texts that are embedded once, as the run starts: at most, given the samples of the pretraining pool that the run may draw. */
  textsAtRunStart?(pretraining: number): number;
  /** Row of arXiv:2408.14471, table 4, whose memory is this method's. */
  readonly published?: string;
}

/** How PEFT's adapter_config.json tells adapters of one method; keys beside `target_modules`. */
export interface PeftForm<Options> {
  /** @throws {EvergreenError} for options that PEFT has no counterpart of. */
  settings(options: Options): Readonly<Record<string, Json>>;
  /** The options that settings mean, sites aside; undefined where they are another method's. */
  options(settings: Readonly<Record<string, Json>>): Readonly<Record<string, Json>> | undefined;
  /** For adapters whose sites compute with {@link Adapters.shared} tensors, which PEFT's file holds once for the whole model. */
  readonly common?: {
    /** Options, parameters and common tensors, by PEFT's names, that give the same in PEFT. */
    pack(
      model: Clip,
      adapters: Pick<Adapters, "weights" | "shared">,
      options: Options,
    ): { readonly options: Readonly<Record<string, Json>>; readonly weights: Weights; readonly common: Weights };
    /** What stands in the place of the shared tensors `own`. */
    unpack(common: Weights, own: readonly Tensor[]): readonly Tensor[];
  };
}

export interface MethodDefinition<S extends z.ZodType = z.ZodType, State extends StateTree = StateTree> extends Component<S> {
  /** For adapters that PEFT knows. */
  readonly peft?: PeftForm<z.output<S>>;
  build(options: z.output<S>): Method<State>;
}

/** Lets a method's state be inferred from its hooks. */
export function defineMethod<S extends z.ZodType, State extends StateTree>(definition: MethodDefinition<S, State>): MethodDefinition {
  return definition as unknown as MethodDefinition;
}

export const methods = new Catalog<MethodDefinition>("method", [new URL("./methods/", import.meta.url)]);
