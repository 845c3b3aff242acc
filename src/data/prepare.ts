import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hashOf, sha256 } from "../util/hash.ts";
import { DataError } from "./data-error.ts";
import { makePart, type PlannedPart, wholePart } from "./prepare-part.ts";
import { encoderVersions } from "./prepare-picture.ts";
import { type PreparedManifest, type PreparedPart, type PreparedTransform, writeManifest } from "./prepared-files.ts";
import type { DataSource } from "./source.ts";

/** What copies are made, and where. */
export interface PrepareOptions {
  readonly out: string;
  readonly transform: Omit<PreparedTransform, "encoder">;
  readonly layout: PreparedPart["layout"];
  /** Samples of a part. */
  readonly perPart: number;
  /** After each picture, and after each part that was there already. */
  readonly progress?: (at: { readonly set: string; readonly done: number; readonly total: number }) => void;
}

/** What was done. */
export interface PrepareResult {
  readonly manifest: PreparedManifest;
  readonly made: number;
  /** Parts that were there, every byte of them read and found right. */
  readonly found: number;
}

/**
 * Writes resized copies of some data sets into a folder, part by part: tars as WebDataset has them, or folders. What a part holds follows from the data, the transform
 * and the versions of the encoder alone, so that what was killed and goes on ends with the same bytes as what ran through. The manifest comes last.
 * @throws {DataError} for two sets of one name.
 */
export async function prepare(sources: readonly DataSource[], options: PrepareOptions): Promise<PrepareResult> {
  const { out, layout, progress } = options;
  const transform: PreparedTransform = { ...options.transform, encoder: encoderVersions() };
  const names = sources.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new DataError(`two data sets are called "${twice}"`, { fix: "prepare them into two folders" });
  mkdirSync(out, { recursive: true });
  let [made, found] = [0, 0];
  const sets: PreparedManifest["sets"] = [];
  for (const source of sources) {
    const planned = partsOf(source, { ...options, transform });
    const total = planned.reduce((sum, { records }) => sum + records.length, 0);
    let done = 0;
    const tell = (count: number): void => {
      done += count;
      progress?.({ set: source.name, done, total });
    };
    const parts: PreparedPart[] = [];
    for (const part of planned) {
      const whole = await wholePart(out, part);
      if (whole) tell(part.records.length);
      parts.push(whole ?? (await makePart(out, part, { transform, progress: () => tell(1) })));
      if (whole) found++;
      else made++;
    }
    sets.push(setOf(source, { out, planned, parts }));
  }
  const manifest: PreparedManifest = { format: "evergreen-prepared/1", transform, layout, sets };
  writeManifest(out, manifest);
  return { manifest, made, found };
}

function partsOf(source: DataSource, options: PrepareOptions & { readonly transform: PreparedTransform }): readonly PlannedPart[] {
  const { transform, layout, perPart } = options;
  const folder = source.name.replaceAll(/[^A-Za-z0-9._-]/g, "_");
  return (["train", "test"] as const).flatMap((split) => {
    const records = source.records(split);
    return Array.from({ length: Math.ceil(records.length / perPart) }, (_, i): PlannedPart => {
      const own = records.slice(i * perPart, (i + 1) * perPart);
      const facts = own.map(({ id, className, captions, year }) => [id, className ?? null, captions, year ?? null]);
      const key = hashOf({ transform, layout, fingerprint: source.fingerprint, facts });
      return { name: `${folder}/${split}-${String(i).padStart(5, "0")}`, key, split, layout, records: own };
    });
  });
}

function setOf(
  source: DataSource,
  { out, planned, parts }: { readonly out: string; readonly planned: readonly PlannedPart[]; readonly parts: readonly PreparedPart[] },
): PreparedManifest["sets"][number] {
  const { name, role, task, classNames, templates, licences, fingerprint } = source;
  const count = (split: PreparedPart["split"]): number =>
    parts.reduce((sum, part) => sum + (part.split === split ? part.samples.length : 0), 0);
  return {
    ...{ name, role, task, fingerprint },
    classNames: [...classNames],
    templates: [...templates],
    licences: [...licences],
    train: count("train"),
    test: count("test"),
    unreadable: parts.reduce((sum, part) => sum + part.unreadable.length, 0),
    parts: planned.map((part) => {
      const record = `${part.name}.json`;
      return { record, sha256: sha256(readFileSync(join(out, record))) };
    }),
  };
}
