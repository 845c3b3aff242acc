import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { pack } from "tar-stream";
import { syncFolder } from "../util/atomic-file.ts";
import { hashFile, sha256 } from "../util/hash.ts";
import { type MadePicture, makePicture } from "./prepare-picture.ts";
import { folderDigest, type PreparedPart, type PreparedSample, type PreparedTransform, readPart, writePart } from "./prepared-files.ts";
import { ImageReader, readSpan } from "./read-image.ts";
import type { SampleRecord, Split } from "./source.ts";
import { tarMembers } from "./tar-index.ts";

/** A part that is to be made. */
export interface PlannedPart {
  /** `dtd/train-00000`: its record is this with `.json`, its tar with `.tar`. */
  readonly name: string;
  readonly key: string;
  readonly split: Split;
  readonly layout: PreparedPart["layout"];
  readonly records: readonly SampleRecord[];
}

type Made = Exclude<MadePicture, { readonly unreadable: string }>;

/** Decodes at once: libuv's number of threads, and as many waiting. */
const lanes = 8;

/** The part as it lies there, if it is the one that is planned and every byte of it is as its record says. */
export async function wholePart(folder: string, planned: PlannedPart): Promise<PreparedPart | undefined> {
  const path = join(folder, `${planned.name}.json`);
  if (!existsSync(path)) return undefined;
  try {
    const found = readPart(path);
    return found.key === planned.key && (await digestOf(folder, found)) === found.sha256 ? found : undefined;
  } catch {
    // A torn or foreign part is made again.
    return undefined;
  }
}

async function digestOf(folder: string, part: PreparedPart): Promise<string | undefined> {
  const place = join(folder, part.holds);
  if (part.layout === "shards") return statSync(place).size === part.bytes ? hashFile(place) : undefined;
  const read = part.samples.map(({ name }) => ({ name, sha256: sha256(readSpan(join(place, name), 0, undefined)) }));
  return folderDigest(read);
}

/** Makes a part: pictures under a temporary name, then that name changed, then the record that vouches for them. A death at any moment leaves the part unmade. */
export async function makePart(
  folder: string,
  planned: PlannedPart,
  options: { readonly transform: PreparedTransform; readonly progress?: (() => void) | undefined },
): Promise<PreparedPart> {
  mkdirSync(dirname(join(folder, planned.name)), { recursive: true });
  const pictures = await makeAll(planned.records, options);
  const made = planned.records.flatMap((record, i) => {
    const picture = pictures[i];
    return picture && "bytes" in picture ? [{ record, picture, stem: String(i).padStart(6, "0") }] : [];
  });
  const unreadable = planned.records.flatMap(({ id }, i) => {
    const picture = pictures[i];
    return picture && "unreadable" in picture ? [{ id, reason: picture.unreadable }] : [];
  });
  const written = planned.layout === "shards" ? await writeTar(folder, planned.name, made) : writeFolder(folder, planned.name, made);
  const { key, split, layout } = planned;
  const part: PreparedPart = { format: "evergreen-prepared-part/1", key, split, layout, unreadable, ...written };
  writePart(join(folder, `${planned.name}.json`), part);
  return part;
}

async function makeAll(
  records: readonly SampleRecord[],
  { transform, progress }: { readonly transform: PreparedTransform; readonly progress?: (() => void) | undefined },
): Promise<readonly MadePicture[]> {
  const reader = new ImageReader();
  const found: MadePicture[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < records.length; i = next++) {
      found[i] = await makePicture(reader, records[i] as SampleRecord, transform);
      progress?.();
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return found;
}

interface Entry {
  readonly record: SampleRecord;
  readonly picture: Made;
  readonly stem: string;
}
type Written = Pick<PreparedPart, "holds" | "sha256" | "bytes" | "samples">;

function sampleOf({ record, picture, stem }: Entry): PreparedSample {
  const { id, className, captions, year } = record;
  return {
    id,
    ...(className === undefined ? {} : { class: className }),
    captions: [...captions],
    ...(year === undefined ? {} : { year }),
    name: `${stem}.${picture.ending}`,
    bytes: picture.bytes.length,
    sha256: picture.sha256,
    source: picture.source,
  };
}

/** A WebDataset shard: of each sample the picture, its first caption and what else is known of it. */
async function writeTar(folder: string, name: string, entries: readonly Entry[]): Promise<Written> {
  const holds = `${name}.tar`;
  const place = join(folder, holds);
  const archive = pack();
  // The same bytes on every machine and day.
  const fixed = { mtime: new Date(0), mode: 0o644, uid: 0, gid: 0 };
  for (const { record, picture, stem } of entries) {
    const { id, className, captions } = record;
    archive.entry({ name: `${stem}.${picture.ending}`, ...fixed }, Buffer.from(picture.bytes));
    archive.entry({ name: `${stem}.txt`, ...fixed }, captions[0] ?? "");
    archive.entry(
      { name: `${stem}.json`, ...fixed },
      JSON.stringify({ id, ...(className === undefined ? {} : { class: className }), captions }),
    );
  }
  archive.finalize();
  const pieces: Uint8Array[] = [];
  for await (const piece of archive) pieces.push(piece as Uint8Array);
  writeFlushed(`${place}.tmp`, pieces);
  const offsets = new Map(tarMembers(`${place}.tmp`).map((member) => [member.name, member.offset]));
  const samples = entries.map(sampleOf).map((sample) => ({ ...sample, offset: offsets.get(sample.name) ?? 0 }));
  const sha = await hashFile(`${place}.tmp`);
  renameSync(`${place}.tmp`, place);
  syncFolder(dirname(place));
  return { holds, sha256: sha, bytes: statSync(place).size, samples };
}

function writeFolder(folder: string, name: string, entries: readonly Entry[]): Written {
  const place = join(folder, name);
  rmSync(`${place}.tmp`, { recursive: true, force: true });
  rmSync(place, { recursive: true, force: true });
  mkdirSync(`${place}.tmp`);
  const samples = entries.map(sampleOf);
  for (const { picture, stem } of entries) writeFlushed(join(`${place}.tmp`, `${stem}.${picture.ending}`), [picture.bytes]);
  syncFolder(`${place}.tmp`);
  renameSync(`${place}.tmp`, place);
  syncFolder(dirname(place));
  return { holds: name, sha256: folderDigest(samples), bytes: samples.reduce((sum, { bytes }) => sum + bytes, 0), samples };
}

function writeFlushed(path: string, pieces: readonly Uint8Array[]): void {
  const file = openSync(path, "w");
  try {
    for (const piece of pieces) for (let done = 0; done < piece.length; ) done += writeSync(file, piece, done, piece.length - done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
