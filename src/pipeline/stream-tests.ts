import { openSources } from "../data/open-sources.ts";
import type { DataSource } from "../data/source.ts";
import type { RunSpec } from "../runs/spec.ts";
import type { StreamManifest } from "../streams/manifest.ts";
import { type Stream, StreamError } from "../streams/stream.ts";
import { summaryOf, type TestSplits, testSplits } from "../streams/test-splits.ts";
import type { RunData } from "./sources.ts";
import type { StreamSource } from "./stream-source.ts";

/**
 * The tests in time that a run is scored on: of each task's concepts, and of the sets beside the stream that it evaluates. What is held back for validation takes the place of
 * test samples where the sets are such views.
 * @throws {StreamError} where the stream is the one that was built and the tests of its tasks are no longer the same.
 */
export function testsOfRun({ streamed, evaluated, manifest }: RunData, stream: Stream, on: RunSpec["eval"]["on"]): TestSplits {
  const names = new Set(streamed.map(({ name }) => name));
  const own = evaluated.filter(({ name }) => names.has(name));
  const beside = evaluated.filter(({ name, role }) => role === "eval" && !names.has(name));
  const splits = testSplits(stream, own, beside);
  const changed = on === "test" ? changedTasks(splits, { manifest }, stream) : [];
  if (changed.length > 0) throw new StreamError(`${changed[0]}`, "put the data back, or build the stream again with --splits tic");
  return splits;
}

/** Sets of some places that have test samples and are only evaluated, each once. */
export async function heldOutSets(places: readonly string[], folder: string): Promise<readonly DataSource[]> {
  const found = new Map<string, DataSource>();
  for (const place of new Set(places))
    for (const set of await openSources(place, folder)) if (set.role === "eval" && set.records("test").length > 0) found.set(set.name, set);
  return [...found.values()];
}

/** What differs from the tests that the stream was built with, one line each; nothing where it has none, or is cut in another way. */
export function changedTests(splits: TestSplits, built: Pick<StreamSource, "manifest">, stream: Stream): readonly string[] {
  const stored = built.manifest?.tests;
  if (!stored || !isAsBuilt(stream, built.manifest?.tasks ?? [])) return [];
  const { digest, samples } = summaryOf(splits).static;
  const lines = changedTasks(splits, built, stream);
  if (stored.static.digest === digest) return lines;
  return [...lines, `static tests: ${samples} samples, ${stored.static.samples} others when the stream was built`];
}

/** The same of the tasks' own tests alone. */
function changedTasks(
  splits: TestSplits,
  { manifest }: { readonly manifest?: StreamManifest | undefined },
  stream: Stream,
): readonly string[] {
  const stored = manifest?.tests;
  if (!stored || !isAsBuilt(stream, manifest.tasks)) return [];
  const now = summaryOf(splits);
  return stored.dynamic.flatMap((before, task) =>
    before.digest === now.dynamic[task]?.digest
      ? []
      : [`task ${task + 1}: ${now.dynamic[task]?.samples ?? 0} test samples, ${before.samples} others when the stream was built`],
  );
}

function isAsBuilt({ tasks }: Stream, built: readonly { readonly concepts: readonly { readonly id: string }[] }[]): boolean {
  return (
    tasks.length === built.length &&
    tasks.every(({ concepts }, task) => concepts.map(({ id }) => id).join("\n") === built[task]?.concepts.map(({ id }) => id).join("\n"))
  );
}
