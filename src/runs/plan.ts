import { hashOf } from "../util/hash.ts";
import type { Json } from "../util/json.ts";
import type { RunSpec } from "./spec.ts";

/** Fixed when a run is created and read from its plan on resume. */
interface EngineFacts {
  readonly threads: number;
  /** Instruction set that kernels may use, as `avx512_bf16`. */
  readonly instructions: string;
  readonly device: string;
  /** Version or digest of libtorch. */
  readonly libtorch: string;
  readonly node: string;
  /** Which kernel serves which operator, type and shape class. */
  readonly kernels: Json;
}

/** Where a set stands in the run. */
export type SourceUse = "update" | "pretraining" | "evaluation";

/** A data set the run reads. */
export interface PlannedSource {
  readonly name: string;
  readonly uses: readonly SourceUse[];
  /** KA counts the sets of the stream, ZS those that are only evaluated. */
  readonly role: "adapt" | "eval" | "pool";
  /** Of what it is evaluated on; of what is trained on where it is not evaluated. */
  readonly fingerprint: string;
  /** Of what is trained on, where that is another view of the set: methods hold samples back. */
  readonly trained?: string;
}

/** Rows that each source gives to a batch. */
export interface PlannedRows {
  readonly update: number;
  readonly buffer: number;
  readonly pretraining: number;
}

/** One stage of the stream, worked out. */
export interface PlannedTask {
  readonly index: number;
  readonly name?: string;
  readonly steps: number;
  readonly concepts: readonly string[];
  /** Update samples that arrive with the task. */
  readonly samples: number;
  /** Rows of a batch from step `from` of the task on. */
  readonly phases: readonly { readonly from: number; readonly rows: PlannedRows }[];
}

/** The model that a run starts from. */
export interface PlannedModel {
  readonly arch: string;
  /** SHA-256 of the weights it starts from; of the initialisation's name and seed where there is no file. */
  readonly digest: string;
  readonly parameters: number;
  readonly trainable: number;
}

/** What a plan holds beside its hash. */
export interface PlanContent {
  readonly spec: RunSpec;
  readonly model: PlannedModel;
  readonly sources: readonly PlannedSource[];
  readonly tasks: readonly PlannedTask[];
  /** Version of the code that makes the results, as a digest or a package version. */
  readonly code: string;
  /** Digests of users' own parts, by kind and name; absent where none are used. */
  readonly plugins?: Readonly<Record<string, string>>;
  readonly engine: EngineFacts;
}

/** A run as the trainer takes it: every default filled, every name found, every count worked out. Plain JSON. */
export interface RunPlan extends PlanContent {
  readonly hash: string;
}

/** The plan with its hash. */
export function sealPlan(content: PlanContent): RunPlan {
  return { ...content, hash: planHash(content) };
}

/**
 * SHA-256 over the canonical JSON of all that determines a run's results. Names, paths, worker counts, the rhythm of
 * checkpoints and where a run stops on its way are left out: data and weights are known by their digests, and the others change no number.
 */
export function planHash(content: PlanContent): string {
  return hashOf(determining(content));
}

/**
 * What decides what the steps of a run's tasks do, once it is said what they start from. Left out beside names and paths: evaluation, and methods that act between tasks alone.
 * `methods` are the places in the list of those that do not.
 */
export function learningFacts(content: PlanContent, methods: readonly number[]): Readonly<Record<string, unknown>> {
  const { config, data, model, tasks, code, engine } = determining(content);
  const { eval: _, ...settings } = config as Readonly<Record<string, unknown>>;
  const learned = (data as PlanContent["sources"]).filter(({ uses }) => uses.some((use) => use !== "evaluation"));
  const inSteps = methods.map((i) => content.spec.methods[i]);
  return {
    config: { ...settings, methods: inSteps },
    data: learned.map(({ name, fingerprint, trained = fingerprint }) => [name, trained]),
    model,
    tasks,
    code,
    engine,
  };
}

/** Kinds of difference that a resume asks about, each allowed by its own name. */
export type PlanAspect = "config" | "data" | "model" | "tasks" | "code" | "engine";

export interface PlanDifference {
  readonly aspect: PlanAspect;
  /** Dotted path inside the aspect. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Where two plans would give other results; empty when their hashes agree. */
export function planDifferences(before: PlanContent, after: PlanContent): readonly PlanDifference[] {
  const from = determining(before);
  const to = determining(after);
  return (Object.keys(from) as PlanAspect[]).flatMap((aspect) =>
    differences(from[aspect], to[aspect], "").map((found) => ({ aspect, ...found })),
  );
}

/** The code that makes a plan's results: the program's, and users' own parts where there are any. */
export const codeOf = ({ code, plugins }: Pick<PlanContent, "code" | "plugins">): unknown =>
  plugins ? { evergreen: code, plugins } : code;

function determining(content: PlanContent): Readonly<Record<PlanAspect, unknown>> {
  const { spec, model, sources, tasks, engine } = content;
  const {
    name: _name,
    project: _project,
    plugins: _plugins,
    checkpoint: _checkpoint,
    stream,
    data,
    engine: wanted,
    eval: evaluation,
    ...rest
  } = spec;
  const { workers: _workers, preload: _preload, pretraining: _pretraining, ...batches } = data;
  const { init: _init, ...built } = rest.model;
  const { allowance: _allowance, ...budget } = rest.budget;
  const config = {
    ...rest,
    model: built,
    budget,
    stream: { order: stream.order },
    data: batches,
    engine: { microBatch: wanted.microBatch, activationCheckpointing: wanted.activationCheckpointing },
    eval: { during: evaluation.during, splits: evaluation.splits, evaluator: evaluation.evaluator, batchSize: evaluation.batchSize },
  };
  return { config, data: sources, model, tasks, code: codeOf(content), engine };
}

function differences(before: unknown, after: unknown, path: string): readonly { path: string; before: unknown; after: unknown }[] {
  if (hashOf(before) === hashOf(after)) return [];
  if (!isTree(before) || !isTree(after) || Array.isArray(before) !== Array.isArray(after)) return [{ path, before, after }];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => differences(before[key], after[key], path ? `${path}.${key}` : key));
}

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object";
}
