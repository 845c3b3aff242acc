import type { z } from "zod";
import type { DataSource, SampleRecord } from "../data/source.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { Measurement } from "../runs/measurement.ts";
import { Catalog, type Component } from "../util/component.ts";

/** A model as evaluators see it: embeddings of unit length, nothing to change. */
export interface Embedder {
  /** What cosines are multiplied by before a softmax: exp(logit_scale). */
  readonly scale: number;
  /** [N, E] float32 in the order of the records. */
  images(records: readonly SampleRecord[]): Tensor;
  /** [N, E] float32; a text that was asked for before in the same evaluation is not encoded again. */
  texts(texts: readonly string[]): Tensor;
  /** The other models of an ensemble: an item's logit is the largest over this one and them. */
  readonly rivals?: readonly Embedder[];
}

/** Whether each test item came out right, in the order of item ids. */
interface Outcomes {
  /** `acc1`, `text_retrieval_recall@5`, … */
  readonly metric: string;
  /** 0 or 1 an item. */
  readonly flags: Uint8Array;
}

export interface Evaluation {
  /** The one metric that stands for the set in KA or ZS. */
  readonly headline: string;
  readonly measurements: readonly Measurement[];
  /** Per-item outcomes by metric, in the order of item ids. */
  readonly outcomes: readonly Outcomes[];
  /** How it was measured, where options or data decided that. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** What CLIP_benchmark calls a task, and the metrics it knows there: its name by ours. */
interface BenchmarkNames {
  readonly task: string;
  readonly metrics: Readonly<Record<string, string>>;
}

export interface EvaluatorDefinition<S extends z.ZodType = z.ZodType> extends Component<S> {
  /** Kinds of data sets it can score. */
  readonly tasks: readonly DataSource["task"][];
  /** It fits something to a set's training samples: sets without any are left out, and it scores only where it is asked for by name. */
  readonly fits?: true;
  /** It scores ensembles, by {@link Embedder.rivals}; one that does not say so is given none. */
  readonly takesEnsembles?: true;
  readonly benchmark: BenchmarkNames;
  /** Changes nothing: the same weights and data give the same numbers. */
  evaluate(model: Embedder, source: DataSource, options: z.output<S>): Evaluation;
}

export const evaluators = new Catalog<EvaluatorDefinition>("evaluator", [new URL("./evaluators/", import.meta.url)]);
