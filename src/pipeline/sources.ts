import { openSources } from "../data/open-sources.ts";
import type { DataSource } from "../data/source.ts";
import { largestShares } from "../mixtures/course.ts";
import type { RunSpec } from "../runs/spec.ts";
import type { StreamManifest } from "../streams/manifest.ts";
import { EvergreenError } from "../util/errors.ts";
import { openStreamSource } from "./stream-source.ts";

/** The data sets of a run by what they are for. A set may be streamed and evaluated. */
export interface RunData {
  readonly streamed: readonly DataSource[];
  /** Where the stream was built before. */
  readonly manifest?: StreamManifest;
  readonly pretraining: readonly DataSource[];
  readonly evaluated: readonly DataSource[];
}

/**
 * Opens what a run names. Streamed are the sets with training samples that the reference gives; evaluated, under `auto`, every set of the same place that
 * has a test split and is no pretraining pool. A pool whose share is 0 is never opened.
 */
export async function openRunData(spec: RunSpec, folder: string): Promise<RunData> {
  const { suite } = spec.eval;
  const stream = await openStreamSource(spec.stream.from, folder);
  const streamed = stream.sets;
  if (streamed.length === 0)
    throw new EvergreenError(`stream.from: ${spec.stream.from} has no training samples`, {
      code: "EG-3130",
      exit: "config",
      fix: "name sets with a training split",
    });
  const pool = largestShares(spec.data.mixture).pretraining > 0 ? spec.data.pretraining?.from : undefined;
  const pretraining = pool === undefined ? [] : (await openSources(pool, folder)).filter((set) => set.records("train").length > 0);
  const places = suite === "none" ? [] : suite === "auto" ? stream.places : suite;
  const base = suite === "auto" ? stream.folder : folder;
  const evaluated = new Map<string, DataSource>();
  for (const place of places)
    for (const set of await openSources(place, base))
      if (set.records("test").length > 0 && (suite !== "auto" || set.role !== "pool")) evaluated.set(set.name, set);
  const { manifest } = stream;
  return { streamed, pretraining, evaluated: [...evaluated.values()], ...(manifest ? { manifest } : {}) };
}
