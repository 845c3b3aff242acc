import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { openSources, type SourceOpener, wholePlace } from "../data/open-sources.ts";
import { type DataSource, sizeOf } from "../data/source.ts";
import { looksLikeManifest, parseManifest, type StreamManifest } from "../streams/manifest.ts";

/** What `stream.from` names, opened. */
export interface StreamSource {
  /** Data sets that can be trained on. */
  readonly sets: readonly DataSource[];
  /** References of the places that the sets lie in, whole: what evaluation takes under `auto`; with the folder they are relative to. */
  readonly places: readonly string[];
  readonly folder: string;
  /** Where the stream was built before. */
  readonly manifest?: StreamManifest;
}

/** Opens data, or the data behind a built stream. Sets that are only evaluated, and sets without training samples, are left out. */
export async function openStreamSource(reference: string, folder: string, open: SourceOpener = openSources): Promise<StreamSource> {
  const path = resolve(folder, reference);
  const manifest = isManifest(path) ? parseManifest(readFileSync(path, "utf8"), path) : undefined;
  const base = manifest ? dirname(path) : folder;
  const references = manifest ? manifest.sources.map(({ from }) => from) : [reference];
  const opened = (await Promise.all(references.map((each) => open(each, base)))).flat();
  const listed = manifest && new Set(manifest.sources.flatMap(({ sets }) => Object.keys(sets)));
  return {
    sets: trainable(opened).filter(({ name }) => !listed || listed.has(name)),
    places: await Promise.all(references.map(wholePlace)),
    folder: base,
    ...(manifest ? { manifest } : {}),
  };
}

/** The sets that a stream may train on: those with training samples that are not there to be evaluated only. */
export const trainable = (sets: readonly DataSource[]): readonly DataSource[] =>
  sets.filter((set) => set.role !== "eval" && sizeOf(set, "train") > 0);

/** True for a file that begins as a built stream does. */
function isManifest(path: string): boolean {
  if (!/\.json$/i.test(path) || !statSync(path, { throwIfNoEntry: false })?.isFile()) return false;
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(256);
    return looksLikeManifest(head.toString("utf8", 0, readSync(file, head, 0, head.length, 0)));
  } finally {
    closeSync(file);
  }
}
