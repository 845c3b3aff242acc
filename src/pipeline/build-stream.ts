import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { openSources, wholePlace } from "../data/open-sources.ts";
import type { Concept, DataSource } from "../data/source.ts";
import type { RunSpec } from "../runs/spec.ts";
import { rebasedReference } from "../runs/spec-references.ts";
import { manifestOf, type StreamManifest, type StreamOrigin, tasksOf } from "../streams/manifest.ts";
import { conceptsOf, parseStreamFile } from "../streams/published-file.ts";
import { cutIntoTasks, type Stream, StreamError } from "../streams/stream.ts";
import { testSplits } from "../streams/test-splits.ts";
import type { Env } from "../util/paths.ts";
import { orderedStream } from "./stream-of.ts";
import { openStreamSource, trainable } from "./stream-source.ts";
import { heldOutSets } from "./stream-tests.ts";

/** Where a stream takes its data from, and where its file will lie. */
export interface StreamPlaces {
  /** References as a user gives them, relative to `base`. */
  readonly from: readonly string[];
  readonly base: string;
  /** The manifest's file. */
  readonly out: string;
  readonly env: Env;
}

interface Opened {
  readonly origins: readonly StreamOrigin[];
  readonly sets: readonly DataSource[];
  readonly concepts: readonly Concept[];
}

/**
 * A stream over one place of data or several: all their concepts, or those that a published stream file lists, in the order asked for.
 * @throws {StreamError} for places without training samples, or a set that two of them have.
 */
export async function buildStream(
  places: StreamPlaces,
  settings: {
    readonly stream: Pick<RunSpec["stream"], "order" | "tasks" | "cutBy" | "scores">;
    readonly seed: number;
    readonly list?: string;
    /** Put the tests of the stream into its manifest. */
    readonly withTests?: boolean;
  },
): Promise<StreamManifest> {
  const { origins, sets, concepts } = await open(places);
  const { list, stream, seed, withTests } = settings;
  const path = list === undefined ? undefined : resolve(places.base, list);
  const names = sets.map(({ name }) => name);
  const given = path === undefined ? concepts : conceptsOf(parseStreamFile(readFileSync(path, "utf8"), path, names), concepts, path);
  const built = await orderedStream({ stream, seed }, sets, given);
  const order = typeof stream.order === "string" ? { name: stream.order } : stream.order;
  const held = withTests ? await heldOut(places) : [];
  const tests = withTests ? { tests: testSplits(built, sets, held.flat()) } : {};
  return manifestOf(built, {
    order,
    seed,
    origins: origins.filter((origin, place) => uses(built, origin) || (held[place]?.length ?? 0) > 0),
    ...tests,
  });
}

/**
 * The stream with the concepts of further places behind it, in one task or `tasks` of them. What it had keeps its place; where it tells its tests, so does the new one.
 * @throws {StreamError} where the places have no concept that is new.
 */
export async function appendToStream(
  old: { readonly file: string; readonly manifest: StreamManifest },
  places: StreamPlaces,
  tasks = 1,
): Promise<StreamManifest> {
  const { manifest, file } = old;
  const before = await openStreamSource(file, dirname(file));
  const known = new Set(manifest.tasks.flatMap(({ concepts }) => concepts.map(({ id }) => id)));
  const added = await open(places);
  const fresh = added.concepts.filter(({ id }) => !known.has(id));
  if (fresh.length === 0)
    throw new StreamError(`all ${added.concepts.length} concepts are in the stream already`, "name a place with new classes or data sets");
  // A set that was there and has grown is opened once, as it is now.
  const names = new Set(added.sets.map(({ name }) => name));
  const sets = [...before.sets.filter(({ name }) => !names.has(name)), ...added.sets];
  const all = sets.flatMap((set) => set.concepts());
  const stream: Stream = { tasks: [...tasksOf(manifest, all), ...cutIntoTasks(fresh, tasks).tasks] };
  const kept = manifest.sources.map(({ from, sets }) => ({
    from: rebasedReference(from, dirname(file), dirname(places.out), places.env),
    sets: Object.entries(sets).flatMap(([name, fingerprint]) => (names.has(name) ? [] : [{ name, fingerprint }])),
    isForTests: Object.keys(sets).length === 0,
  }));
  const origins = [...kept.filter(({ sets: left, isForTests }) => isForTests || left.length > 0), ...added.origins];
  const tests = manifest.tests
    ? { tests: testSplits(stream, sets, [...(await heldOutSets(before.places, before.folder)), ...(await heldOut(places)).flat()]) }
    : {};
  return manifestOf(stream, { order: manifest.order, seed: manifest.seed, parent: manifest.digest, origins, ...tests });
}

/** Sets that are only evaluated, by the first place that has them. */
async function heldOut({ from, base }: StreamPlaces): Promise<readonly (readonly DataSource[])[]> {
  const found = await Promise.all(from.map(async (reference) => heldOutSets([await wholePlace(reference)], base)));
  const before = (place: number): ReadonlySet<string> => new Set(found.slice(0, place).flatMap((sets) => sets.map(({ name }) => name)));
  return found.map((sets, place) => sets.filter(({ name }) => !before(place).has(name)));
}

async function open({ from, base, out, env }: StreamPlaces): Promise<Opened> {
  const opened = await Promise.all(
    from.map(async (reference) => ({
      reference: rebasedReference(reference, base, dirname(out), env),
      sets: trainable(await openSources(reference, base)),
    })),
  );
  const sets = opened.flatMap((each) => each.sets);
  const twice = sets.find(({ name }, i) => sets.findIndex((other) => other.name === name) < i);
  if (twice) throw new StreamError(`two places have a data set "${twice.name}"`, "rename one of the two folders");
  if (sets.length === 0) throw new StreamError(`${from.join(", ")}: no training samples`, "name sets with a training split");
  const origins = opened.map(({ reference, sets: found }) => ({ from: reference, sets: found }));
  return { origins, sets, concepts: sets.flatMap((set) => set.concepts()) };
}

function uses({ tasks }: Stream, { sets }: StreamOrigin): boolean {
  const names = new Set(sets.map(({ name }) => name));
  return tasks.some(({ concepts }) => concepts.some(({ dataset }) => names.has(dataset)));
}
