import { openSources, type SourceOpener } from "../data/open-sources.ts";
import { type DataSource, sizeOf } from "../data/source.ts";
import { largestShares } from "../mixtures/course.ts";
import type { RunSpec } from "../runs/spec.ts";
import type { StreamManifest } from "../streams/manifest.ts";
import { EvergreenError } from "../util/errors.ts";
import { createRandom } from "../util/random.ts";
import { usePlugins } from "./catalogues.ts";
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
  usePlugins(spec.plugins);
  const { suite, on, splits } = spec.eval;
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
  const sets: DataSource[] = [];
  if (suite === "auto")
    for (const place of stream.places) sets.push(...(await open(place, stream.folder)).filter(({ role }) => role !== "pool"));
  else if (suite !== "none") for (const place of suite) sets.push(...(await open(place, folder)));
  // The tests of a task are those of its own sets.
  if (splits) sets.push(...streamed.filter(({ name }) => sets.every((set) => set.name !== name)));
  const scored = sets.filter((set) => sizeOf(set, on === "validation" ? "train" : "test") > 0);
  const evaluated = [...new Map(scored.map((set) => [set.name, set])).values()];
  const { manifest } = stream;
  const data = { streamed, pretraining, evaluated, ...(manifest ? { manifest } : {}) };
  if (on !== "validation") return data;
  const leftOut = sets.filter((set) => set.role === "eval" && !scored.includes(set)).map(({ name }) => name);
  return validationData({ ...data, leftOut }, createRandom(spec.seed));
}
