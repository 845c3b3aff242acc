import { openSources, type SourceOpener } from "../data/open-sources.ts";
import { type DataSource, sizeOf } from "../data/source.ts";
import { largestShares } from "../mixtures/course.ts";
import type { RunSpec } from "../runs/spec.ts";
import type { StreamManifest } from "../streams/manifest.ts";
import { EvergreenError } from "../util/errors.ts";
import { createRandom } from "../util/random.ts";
import { openTogether } from "./open-together.ts";
import { pretrainingSubset } from "./pretraining-pool.ts";
import { openStreamSource } from "./stream-source.ts";
import { validationData } from "./validation-source.ts";

/** The data sets of a run by what they are for. A set may be streamed and evaluated. */
export interface RunData {
  readonly streamed: readonly DataSource[];
  /** Where the stream was built before. */
  readonly manifest?: StreamManifest;
  readonly pretraining: readonly DataSource[];
  readonly evaluated: readonly DataSource[];
  /** Sets that would be evaluated, had they training data to hold some back of. */
  readonly leftOut?: readonly string[];
}

const nothing: Promise<readonly DataSource[]> = Promise.resolve([]);

/**
 * Opens what a run names. Streamed are the sets with training samples that the reference gives; evaluated, under `auto`, every set of the same place that
 * has a test split and is no pretraining pool; a pool whose share is 0 is never opened. With `eval.on: validation` the streamed and evaluated sets are views that
 * hold back a fifth of the training samples.
 */
export async function openRunData(spec: RunSpec, folder: string, open: SourceOpener = openSources): Promise<RunData> {
  const { suite, on } = spec.eval;
  const pool = largestShares(spec.data.mixture).pretraining > 0 ? spec.data.pretraining : undefined;
  const [stream, pairs] = await openTogether(openStreamSource(spec.stream.from, folder, open), pool ? open(pool.from, folder) : nothing);
  const streamed = stream.sets;
  if (streamed.length === 0)
    throw new EvergreenError(`stream.from: ${spec.stream.from} has no training samples`, {
      code: "EG-3130",
      exit: "config",
      fix: "name sets with a training split",
    });
  const found = pairs.filter((set) => sizeOf(set, "train") > 0);
  const pretraining = pretrainingSubset(found, pool?.subset, createRandom(spec.seed));
  const places = suite === "none" ? [] : suite === "auto" ? stream.places : suite;
  const base = suite === "auto" ? stream.folder : folder;
  const evaluated = new Map<string, DataSource>();
  const leftOut: string[] = [];
  for (const place of places)
    for (const set of await open(place, base))
      if (sizeOf(set, on === "validation" ? "train" : "test") > 0 && (suite !== "auto" || set.role !== "pool"))
        evaluated.set(set.name, set);
      else if (on === "validation" && set.role === "eval") leftOut.push(set.name);
  const { manifest } = stream;
  const data = { streamed, pretraining, evaluated: [...evaluated.values()], ...(manifest ? { manifest } : {}) };
  return on === "validation" ? validationData({ ...data, leftOut }, createRandom(spec.seed)) : data;
}
