import { createLoader } from "../data/loader.ts";
import type { DataSource, SampleId } from "../data/source.ts";
import { setThreads } from "../engine/facts.ts";
import { useKernels } from "../engine/kernels.ts";
import { defaultMemoryLimit, limitMemory } from "../engine/memory.ts";
import { handOver, keep, release, scope, tensorsIn } from "../engine/scope.ts";
import { type Clip, computeWeights, type Precision } from "../models/clip.ts";
import { readModel } from "../models/load.ts";
import { type OpenedModel, openModelFolder } from "../models/model-folder.ts";
import type { ImagePreprocess } from "../models/preprocess.ts";
import { openRivals } from "../models/rivals.ts";
import { clipTokenizer, imagePreprocess } from "../pipeline/assemble.ts";
import { usedPlugins, usePlugins } from "../pipeline/catalogues.ts";
import { codeVersion } from "../pipeline/code-version.ts";
import { type EvaluatedSet, evaluateAll, evaluatedSets } from "../pipeline/evaluate.ts";
import { kernelsFor } from "../pipeline/kernel-choice.ts";
import { weightsDigest } from "../pipeline/model-source.ts";
import { presetFolder } from "../pipeline/preset-folder.ts";
import { openRunData } from "../pipeline/sources.ts";
import { streamOf } from "../pipeline/stream-of.ts";
import { testsOfRun } from "../pipeline/stream-tests.ts";
import { subsetSource } from "../pipeline/subset-source.ts";
import { validationSource } from "../pipeline/validation-source.ts";
import type { Scores } from "../runs/event.ts";
import { codeOf } from "../runs/plan.ts";
import { type ResultRow, resultRows } from "../runs/rows.ts";
import { RunReader } from "../runs/run-reader.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import type { TestSplits } from "../streams/test-splits.ts";
import type { ComponentSpec } from "../util/component.ts";
import { UsageError } from "../util/errors.ts";
import { hashOf } from "../util/hash.ts";
import { createRandom } from "../util/random.ts";
import { openAll } from "./open-suite.ts";
import { runFolderOf } from "./run-folder.ts";
import { withoutItems } from "./without-items.ts";

/** What is to be scored, on what, and how. */
export interface ScoreRequest {
  /** Weights file or folder. */
  readonly model: string;
  readonly arch?: string;
  /** References to data sets; the run's own evaluation where there are none and the weights are a run's. */
  readonly suite?: readonly string[];
  /** References whose sets count in KA; else the run's stream, else every set with the role of adaptation. */
  readonly from?: readonly string[];
  readonly batchSize: number;
  readonly precision: Precision;
  readonly templates: "single" | "ensemble";
  /** An evaluator by name, with options; each set's usual one when absent. */
  readonly evaluator?: ComponentSpec;
  /** On a fifth of the training samples in place of the test split, drawn by this seed; by the run's, else by 0, when absent. */
  readonly validation?: { readonly seed?: number };
  /** On this share of each set's test items, fixed by the run's seed; all when absent. */
  readonly share?: number;
  /** Test items to leave out. */
  readonly without?: ReadonlySet<SampleId>;
  /** Folders of the user's own parts, beside those of the run. */
  readonly plugins?: readonly string[];
  readonly onSet: (set: string, index: number, of: number) => void;
}

/** One measurement with all that it depends on. */
interface ScoreRow extends Omit<ResultRow, "t" | "task" | "s" | "state" | "items"> {
  readonly isHeadline: boolean;
  /** Which samples it was measured on. */
  readonly on: "test" | "validation";
  readonly precision: Precision;
  readonly templates: string;
  readonly digests: Readonly<Record<"model" | "data" | "preprocessing", string>>;
}

/** What an evaluation gave. */
export interface ScoreSheet {
  readonly model: {
    readonly path: string;
    readonly arch: string | undefined;
    readonly digest: string;
    readonly preprocessing: ImagePreprocess;
    /** How many models are scored as one, by their largest logits; 1 for a model by itself. */
    readonly models: number;
  };
  readonly rows: readonly ScoreRow[];
  readonly scores: Scores;
  /** Sets that the evaluator asked for cannot score. */
  readonly leftOut: readonly string[];
}

/** Scores a model on data sets. Nothing is written. */
export async function scoreModel(request: ScoreRequest): Promise<ScoreSheet> {
  const arch = request.arch === undefined ? {} : { arch: request.arch };
  prepareEngine();
  const opened = await openModelFolder(request.model, { ...arch, ofEnsemble: true });
  const rivals = await openRivals(opened, arch);
  const scorer = await openScorer(request, opened.preprocess);
  try {
    const digest = await weightsDigest(opened.files);
    const model = readModel(opened);
    const { rows, scores } = await scorer.score(model, digest, rivals);
    release(model);
    const described = {
      path: request.model,
      arch: opened.architecture,
      digest,
      preprocessing: opened.preprocess,
      models: 1 + rivals.length,
    };
    return { model: described, rows, scores, leftOut: scorer.leftOut };
  } finally {
    await scorer.close();
  }
}

/** All threads, the machine's memory, the kernels that the environment asks for. */
export function prepareEngine(): void {
  limitMemory(defaultMemoryLimit());
  setThreads();
  useKernels(kernelsFor(process.env));
}

/** Data sets that are open for one model after another, all of which take images alike. */
export interface Scorer {
  /** Changes with everything that scores depend on beside the model. */
  readonly digest: string;
  /** Sets that the evaluator asked for cannot score. */
  readonly leftOut: readonly string[];
  /** A model, with the others where it is one of an ensemble: those are read for each use. */
  score(model: Clip, digest: string, rivals?: readonly OpenedModel[]): Promise<Pick<ScoreSheet, "rows" | "scores">>;
  close(): Promise<void>;
}

/** Opens the data sets of a request. */
export async function openScorer(request: ScoreRequest, preprocess: ImagePreprocess): Promise<Scorer> {
  const { precision, templates, batchSize, evaluator } = request;
  const { sources, streamed, tests } = await dataOf(request);
  const sets = (await evaluatedSets(sources, streamed, evaluator)).map((set) => withTemplates(set, templates));
  const scoredSets = new Set(sets.map(({ source }) => source.name));
  const leftOut = sources.map(({ name }) => name).filter((name) => !scoredSets.has(name));
  if (sets.length === 0)
    throw new UsageError(
      `none of these sets can be scored by ${evaluator?.name}: ${leftOut.join(", ")}`,
      "name sets with classes and a training split",
    );
  const preprocessing = hashOf(preprocess);
  const shared = { on: request.validation ? "validation" : "test", precision, templates } as const;
  const images = await createLoader({
    seed: 0,
    preprocess: imagePreprocess(preprocess),
    transforms: { test: { name: "none" } },
    maxRows: batchSize,
  });
  const options = {
    sets,
    preprocess,
    images,
    tokenize: clipTokenizer(),
    batchSize,
    random: createRandom(0),
    ...(tests ? { splits: tests } : {}),
    saveItems: () => "",
    stopRequested: () => false,
    onSet: request.onSet,
  };
  const known = sets.map(({ source, name, options: own }) => [
    source.name,
    source.fingerprint,
    streamed.has(source.name),
    name,
    own ?? null,
  ]);
  return {
    digest: hashOf([codeOf({ code: codeVersion(), ...usedPlugins(evaluator) }), shared, preprocessing, known]),
    leftOut,
    async score(model, digest, opened = []) {
      const compute = scope(() => keep(computeWeights(model, precision)));
      const rivals = opened.map((each) => () => computeWeights(handOver(readModel(each)), precision));
      const events = await evaluateAll({ compute, rivals }, { task: -1, step: 0, state: "live" }, options, streamed);
      const scored = events?.find((event) => event.type === "scored");
      if (!scored) throw new Error("internal: an evaluation without a stop gave no scores");
      const rows = (events ?? []).flatMap((event): readonly ScoreRow[] => {
        if (event.type !== "evaluated") return [];
        return resultRows(event, 0).map(({ t: _t, task: _task, s: _s, state: _state, items: _items, ...row }) => ({
          ...row,
          isHeadline: row.metric === event.headline,
          ...shared,
          digests: { model: digest, data: event.digests?.data ?? "", preprocessing },
        }));
      });
      const kept = tensorsIn(model);
      release([...tensorsIn(compute)].filter((tensor) => !kept.has(tensor)));
      return { rows, scores: scored.scores };
    },
    close: () => images.close(),
  };
}

interface ScoredData {
  readonly sources: readonly DataSource[];
  readonly streamed: ReadonlySet<string>;
  /** Test items by task, of a run that is scored on them. */
  readonly tests?: TestSplits;
}

async function dataOf({ model, suite, from, validation, share, without, plugins = [] }: ScoreRequest): Promise<ScoredData> {
  const run = runFolderOf(model);
  const spec = run === undefined ? undefined : readRunSpec(run, { env: process.env, presets: presetFolder }).spec;
  const own = !suite && spec && run !== undefined ? await openRunData(spec, run) : undefined;
  usePlugins([...new Set([...(spec?.plugins ?? []), ...plugins])]);
  const found = suite ? await openAll(suite) : own?.evaluated;
  if (!found) throw new UsageError("--suite: on which data sets?", "as --suite mini-flux:eval or --suite folder:./photos?test=1");
  if (validation && !suite && spec?.eval.on !== "validation")
    throw new UsageError(
      "--on validation: the run learned from all training samples, those of validation too",
      "train with eval.on: validation",
    );
  // A run's own sets are views already.
  const random = createRandom(validation?.seed ?? spec?.seed ?? 0);
  const viewed = validation && suite ? found.map((set) => validationSource(set, random)) : found;
  const left = without ? viewed.map((set) => withoutItems(set, without)) : viewed;
  const taken = share === undefined ? left : left.map((set) => subsetSource(set, createRandom(spec?.seed ?? 0), share));
  const sources = taken.filter((set) => set.records("test").length > 0);
  if (sources.length === 0) throw nothingToScore(suite ?? [], validation !== undefined);
  const named = from ? (await openAll(from)).map(({ name }) => name) : streamedNames(run);
  const tests = own && spec?.eval.splits ? { tests: testsOfRun(own, await streamOf(spec, own.streamed, own.manifest), spec.eval.on) } : {};
  return { sources, streamed: new Set(named ?? sources.filter(({ role }) => role === "adapt").map(({ name }) => name)), ...tests };
}

const nothingToScore = (suite: readonly string[], validation: boolean): UsageError =>
  validation
    ? new UsageError(`--suite ${suite.join(",")}: no set has training samples to hold some back of`, "name sets with a training split")
    : new UsageError(
        `--suite ${suite.join(",")}: nothing there has a test split`,
        "for a folder or table without splits, say which share is for testing: folder:./photos?test=1",
      );

function streamedNames(run: string | undefined): readonly string[] | undefined {
  if (run === undefined) return undefined;
  const { sources } = new RunReader(run).plan();
  return sources.filter(({ uses }) => uses.includes("update")).map(({ name }) => name);
}

/** The set scored with those templates, where its evaluator knows any. */
function withTemplates(set: EvaluatedSet, templates: string): EvaluatedSet {
  const parsed = set.evaluator.options.safeParse({ templates });
  return parsed.success ? { ...set, options: parsed.data } : set;
}
