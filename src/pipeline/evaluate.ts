import { performance } from "node:perf_hooks";
import type { DataSource } from "../data/source.ts";
import { aggregate, geometricMean } from "../evaluation/aggregate.ts";
import { bootstrapTriple, type SetOutcomes } from "../evaluation/bootstrap.ts";
import { createEmbedder, type EmbeddedModel, type ImageBatches } from "../evaluation/embedder.ts";
import { type Evaluation, type EvaluatorDefinition, evaluators } from "../evaluation/evaluator.ts";
import { type ConceptOutcomes, knowledgeByTime, type PartialKnowledge } from "../evaluation/seen.ts";
import { type NamedOutcomes, splitScores } from "../evaluation/split-scores.ts";
import type { ComputeWeights } from "../models/clip.ts";
import type { ImagePreprocess } from "../models/preprocess.ts";
import type { Tokenize } from "../models/texts.ts";
import type { EvaluatedEvent, RunEvent, Scores, WeightsState } from "../runs/event.ts";
import type { Measurement } from "../runs/measurement.ts";
import type { TestSplits } from "../streams/test-splits.ts";
import { refusedWarning, unsharedWarning } from "../training/sharing.ts";
import type { ComponentSpec } from "../util/component.ts";
import { EvergreenError } from "../util/errors.ts";
import type { Random } from "../util/random.ts";
import type { SharedEvaluation, SharedEvaluations } from "./shared-evaluations.ts";

/** A set with the evaluator that scores it. */
export interface EvaluatedSet {
  readonly source: DataSource;
  /** KA counts `adapt`, ZS `eval`. */
  readonly role: "adapt" | "eval" | "pool";
  readonly name: string;
  readonly evaluator: EvaluatorDefinition;
  /** Of the evaluator, read; its defaults when absent. */
  readonly options?: unknown;
}

export interface EvaluationOptions {
  readonly sets: readonly EvaluatedSet[];
  readonly preprocess: ImagePreprocess;
  readonly images: ImageBatches;
  /** Concepts of the tasks up to and with one; none before the first. Absent outside of a run. */
  trainedAfter?(task: number): ReadonlySet<string>;
  /** Test items by task, to be scored apart. */
  readonly splits?: TestSplits;
  readonly tokenize: Tokenize;
  readonly batchSize: number;
  readonly random: Random;
  /** Stores each item's outcome; its id goes into the measurement. */
  saveItems(
    key: { readonly task: number; readonly state: string; readonly source: string; readonly metric: string },
    flags: Uint8Array,
  ): string;
  /** What other runs found for the same weights; absent where nothing is shared. */
  readonly sharing?: SharedEvaluations;
  /** Asked between two sets. */
  stopRequested(): boolean;
  /** Told before each set. */
  onSet?(set: string, index: number, of: number): void;
}

/**
 * The evaluator of each set: the first of the catalogue that scores its kind and fits nothing, or the named one. Sets that it cannot score are left out. KA counts the
 * streamed sets, ZS the held-out ones.
 */
export async function evaluatedSets(
  sources: readonly DataSource[],
  streamed: ReadonlySet<string>,
  wanted?: ComponentSpec,
): Promise<readonly EvaluatedSet[]> {
  const { name: only, ...given } = wanted ?? {};
  const names = only === undefined ? evaluators.names() : [only];
  const known = await Promise.all(names.map(async (name) => ({ name, evaluator: await evaluators.load(name) })));
  const usable = wanted ? known : known.filter(({ evaluator }) => !evaluator.fits);
  return sources.flatMap((source) => {
    const found = usable.find(({ evaluator }) => evaluator.tasks.includes(source.task));
    if (!found || (found.evaluator.fits && source.records("train").length === 0)) return [];
    return [{ source, role: streamed.has(source.name) ? "adapt" : source.role, ...found, options: found.evaluator.options.parse(given) }];
  });
}

/** Sets of a run: by the evaluator that it names where that can score them, else by their usual one; in the order given. */
export async function setsOfRun(
  sources: readonly DataSource[],
  streamed: ReadonlySet<string>,
  wanted: ComponentSpec | undefined,
): Promise<readonly EvaluatedSet[]> {
  const usual = await evaluatedSets(sources, streamed);
  if (!wanted) return usual;
  const found = new Map([...usual, ...(await evaluatedSets(sources, streamed, wanted))].map((set) => [set.source, set]));
  return sources.flatMap((source) => found.get(source) ?? []);
}

/** What is scored. */
interface EvaluatedModel {
  readonly compute: ComputeWeights;
  /** The other models of an ensemble: see {@link EmbedderOptions.rivals}. */
  readonly rivals: readonly EmbeddedModel[];
}

/** Scores every set and aggregates. Ensembles are not shared. Changes nothing in the model; undefined when a stop was asked for meanwhile. */
export async function evaluateAll(
  { compute, rivals }: EvaluatedModel,
  at: { readonly task: number; readonly step: number; readonly state: WeightsState },
  options: EvaluationOptions,
  streamed: ReadonlySet<string>,
): Promise<readonly RunEvent[] | undefined> {
  const { sets } = options;
  if (sets.length === 0) return [];
  if (rivals.length > 0) for (const { name, evaluator } of sets) checkTakesEnsembles(name, evaluator);
  const embedder = createEmbedder({ ...options, model: { ...compute, statistics: "running" }, rivals, transform: "test" });
  const shared = rivals.length > 0 ? undefined : options.sharing?.of(compute, sets);
  const evaluations = new Map<string, Evaluation>();
  try {
    const events: EvaluatedEvent[] = [];
    const outcomes = new Map<string, NamedOutcomes>();
    const byConcept: ConceptOutcomes[] = [];
    for (const [index, set] of sets.entries()) {
      // Lets messages in: a request to stop is one.
      await new Promise((resolve) => setImmediate(resolve));
      if (options.stopRequested()) return undefined;
      options.onSet?.(set.source.name, index, sets.length);
      const began = performance.now();
      const evaluation =
        shared?.found?.get(set.source.name) ?? set.evaluator.evaluate(embedder, set.source, set.options ?? set.evaluator.options.parse({}));
      evaluations.set(set.source.name, evaluation);
      const ids = set.source.records("test").map(({ id }) => id);
      outcomes.set(set.source.name, { ...outcomesOf(set.source, evaluation), ids });
      if (streamed.has(set.source.name)) byConcept.push(...conceptOutcomes(set.source, evaluation));
      events.push({
        type: "evaluated",
        ...at,
        source: set.source.name,
        role: set.role,
        evaluator: set.name,
        headline: evaluation.headline,
        measurements: withItems(evaluation, set.source.name, at, options),
        ...(evaluation.settings ? { settings: evaluation.settings } : {}),
        durationMs: performance.now() - began,
        digests: { data: set.source.fingerprint },
      });
    }
    const trained = options.trainedAfter?.(at.task);
    const scores = {
      ...scoresOf(events, outcomes, streamed, options.random),
      ...(trained ? partsOf(byConcept, trained) : {}),
      ...(options.splits ? { splits: splitScores([...outcomes.values()], options.splits) } : {}),
    };
    return [
      { type: "evaluating", task: at.task, sets: sets.length },
      ...(shared ? sharedEvents(at.task, shared, evaluations) : []),
      ...events,
      { type: "scored", ...at, scores },
    ];
  } finally {
    embedder.close();
  }
}

/** @throws {EvergreenError} for an evaluator that would score one model of an ensemble alone. */
export function checkTakesEnsembles(name: string, { takesEnsembles }: EvaluatorDefinition): void {
  if (takesEnsembles) return;
  throw new EvergreenError(`evaluator ${name}: scores one model; what is shipped are several, the largest of their logits counting`, {
    code: "EG-3114",
    exit: "config",
    fix: "score them by each set's usual evaluator, or let the method deploy one model",
  });
}

/** Keeps what was found, unless it was taken; tells which. */
function sharedEvents(task: number, shared: SharedEvaluation, evaluations: ReadonlyMap<string, Evaluation>): readonly RunEvent[] {
  const { object, found, refused } = shared;
  if (found) return [{ type: "shared", what: "evaluation", task, role: "taken", object }];
  const failed = shared.keep(evaluations);
  return [
    ...(refused === undefined ? [] : [refusedWarning("evaluation", refused)]),
    failed === undefined ? { type: "shared", what: "evaluation", task, role: "kept", object } : unsharedWarning("evaluation", failed),
  ];
}

function withItems(
  evaluation: Evaluation,
  source: string,
  at: { readonly task: number; readonly state: string },
  options: EvaluationOptions,
): readonly Measurement[] {
  const items = new Map(evaluation.outcomes.map(({ metric, flags }) => [metric, options.saveItems({ ...at, source, metric }, flags)]));
  return evaluation.measurements.map((measurement) => {
    const stored = items.get(measurement.metric);
    return stored === undefined ? measurement : { ...measurement, items: stored };
  });
}

/** A set's outcomes as the bootstrap takes them. Retrieval resamples images together with their captions. */
export function outcomesOf(source: DataSource, { outcomes }: Pick<Evaluation, "outcomes">): SetOutcomes {
  const [first, second] = outcomes;
  const records = source.records("test");
  if (!first || !second) return { set: source.name, items: first?.flags.length ?? 0, directions: first ? [{ hits: first.flags }] : [] };
  let caption = 0;
  const hits = new Float64Array(records.length);
  const trials = Float64Array.from(records, ({ captions }) => captions.length);
  records.forEach(({ captions }, image) => {
    for (const _ of captions) hits[image] = (hits[image] ?? 0) + (second.flags[caption++] ?? 0);
  });
  return { set: source.name, items: records.length, directions: [{ hits: first.flags }, { hits, trials }] };
}

/** Outcomes by concept, of a set whose items all have a class; none of another. */
function conceptOutcomes(source: DataSource, { outcomes: [first] }: Pick<Evaluation, "outcomes">): readonly ConceptOutcomes[] {
  const records = source.records("test");
  if (source.task !== "classification" || !first || records.some(({ className }) => className === undefined)) return [];
  return [{ set: source.name, flags: first.flags, concepts: records.map(({ className }) => `${source.name}/${className}`) }];
}

/** KA of what was trained already and of what is still to come. */
function partsOf(sets: readonly ConceptOutcomes[], trained: ReadonlySet<string>): Pick<Scores, "kaSeen" | "kaFuture"> {
  const { seen, future } = knowledgeByTime(sets, trained);
  const measured = (metric: string, { value, items }: PartialKnowledge): Measurement[] =>
    value === undefined ? [] : [{ metric, value, unit: "share", samples: items }];
  const [kaSeen] = measured("ka_seen", seen);
  const [kaFuture] = measured("ka_future", future);
  return { ...(kaSeen ? { kaSeen } : {}), ...(kaFuture ? { kaFuture } : {}) };
}

function scoresOf(
  events: readonly EvaluatedEvent[],
  outcomes: ReadonlyMap<string, SetOutcomes>,
  streamed: ReadonlySet<string>,
  random: Random,
): Scores {
  const values = Object.fromEntries(
    events.map((event) => [event.source, event.measurements.find(({ metric }) => metric === event.headline)?.value]),
  );
  const adapt = events.filter(({ source }) => streamed.has(source)).map(({ source }) => source);
  const heldOut = events.filter(({ role, source }) => role === "eval" && !streamed.has(source)).map(({ source }) => source);
  const [ka, zs] = [aggregate(values, adapt), aggregate(values, heldOut)];
  const of = (sets: readonly string[]): readonly SetOutcomes[] => sets.flatMap((set) => outcomes.get(set) ?? []);
  const spread = bootstrapTriple(random, { streamed: of(ka.covers), heldOut: of(zs.covers) });
  const items = (sets: readonly string[]): number => of(sets).reduce((sum, set) => sum + set.items, 0);
  const measure = (
    metric: string,
    value: number | undefined,
    interval: readonly [number, number] | undefined,
    samples: number,
  ): Record<string, Measurement> =>
    value === undefined ? {} : { [metric]: { metric, value, unit: "share", samples, ...(interval ? { interval } : {}) } };
  return {
    ...measure("ka", ka.value, spread.knowledge?.interval, items(ka.covers)),
    ...measure("zs", zs.value, spread.zeroShot?.interval, items(zs.covers)),
    ...measure("gm", geometricMean(ka.value, zs.value), spread.geometricMean?.interval, items([...ka.covers, ...zs.covers])),
    kaSets: ka.covers,
    zsSets: zs.covers,
    notStreamed: events.filter(({ role, source }) => role === "adapt" && !streamed.has(source)).map(({ source }) => source),
  };
}
