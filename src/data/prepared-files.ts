import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { replaceFile } from "../util/atomic-file.ts";
import { hashOf, sha256 } from "../util/hash.ts";
import { canonicalJson } from "../util/json.ts";
import { DataError, reasonOf } from "./data-error.ts";

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const relativePath = z.string().regex(/^(?!.*\.\.)[^/\\][^\\]*$/);

const transform = z.strictObject({
  /** The shorter side becomes this long; what is smaller stays as it is. */
  side: z.int().min(1),
  encoding: z.enum(["jpeg", "png"]),
  /** Of JPEG. */
  quality: z.int().min(1).max(100).optional(),
  resampler: z.enum(["exact", "fast"]),
  /** Versions of what decodes and encodes: others may give other bytes. */
  encoder: z.string(),
});
/** How a picture was made from its original. */
export type PreparedTransform = z.output<typeof transform>;

const sample = z.strictObject({
  id: z.string().min(1),
  class: z.string().optional(),
  captions: z.array(z.string()).min(1),
  year: z.int().optional(),
  /** In the part: its name, where its bytes lie in the tar, and their digest. */
  name: relativePath,
  offset: z.int().min(0).optional(),
  bytes: z.int().min(1),
  sha256: hex,
  /** Digest of the bytes that it was made from. */
  source: hex,
});
/** A picture of a part. */
export type PreparedSample = z.output<typeof sample>;

const part = z.strictObject({
  format: z.literal("evergreen-prepared-part/1"),
  /** Hash of all that the part follows from: samples, their set's fingerprint, transform and layout. */
  key: hex,
  split: z.enum(["train", "test"]),
  /** A tar, or a folder. */
  holds: relativePath,
  layout: z.enum(["shards", "folder"]),
  /** Digest of the tar; of the list of pictures' digests where it is a folder. */
  sha256: hex,
  bytes: z.int().min(0),
  samples: z.array(sample),
  /** Originals that could not be read, and why. */
  unreadable: z.array(z.strictObject({ id: z.string(), reason: z.string() })),
});
/** Some neighbouring samples of one split of a set: what is written, verified and resumed at once. */
export type PreparedPart = z.output<typeof part>;

const manifest = z.strictObject({
  format: z.literal("evergreen-prepared/1"),
  transform,
  layout: z.enum(["shards", "folder"]),
  sets: z.array(
    z.strictObject({
      name: z.string().min(1),
      role: z.enum(["adapt", "eval", "pool"]),
      task: z.enum(["classification", "retrieval", "caption"]),
      classNames: z.array(z.string()),
      templates: z.array(z.string()).min(1),
      licences: z.array(z.string()),
      /** Of the set that it was made from. */
      fingerprint: z.string(),
      train: z.int().min(0),
      test: z.int().min(0),
      unreadable: z.int().min(0),
      parts: z.array(z.strictObject({ record: relativePath, sha256: hex })),
    }),
  ),
});
/** A folder of resized copies: what was made of what, with a digest of everything. */
export type PreparedManifest = z.output<typeof manifest>;

const manifestName = "manifest.json";

/** Whether a folder holds a finished prepared copy. */
export function isPrepared(folder: string): boolean {
  const path = join(folder, manifestName);
  return existsSync(path) && /"format":\s*"evergreen-prepared\/1"/.test(readFileSync(path, "utf8"));
}

/** @throws {DataError} for a folder whose manifest is missing (the making was not finished) or wrong. */
export function readManifest(folder: string): PreparedManifest {
  return parsed(manifest, join(folder, manifestName), "run evergreen data prepare again: it goes on where it stopped");
}

/** A part by the path of its record, checked against the manifest's digest where one is given. @throws {DataError} */
export function readPart(path: string, digest?: string): PreparedPart {
  if (digest !== undefined && sha256(readFileSync(path)) !== digest)
    throw new DataError(`${path}: is not what the manifest says`, { fix: "run evergreen data prepare again" });
  return parsed(part, path, "run evergreen data prepare again");
}

/** Writes the manifest in place of another; everything it names is there already. */
export const writeManifest = (folder: string, content: PreparedManifest): void => writeJson(join(folder, manifestName), content);
export const writePart = (path: string, content: PreparedPart): void => writeJson(path, content);

/** Digest of a folder part: of its pictures' names and digests. */
export const folderDigest = (samples: readonly Pick<PreparedSample, "name" | "sha256">[]): string =>
  hashOf(samples.map((each) => [each.name, each.sha256]));

function parsed<S extends z.ZodType>(schema: S, path: string, fix: string): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new DataError(`${path}: cannot be read (${reasonOf(error)})`, { fix, cause: error });
  }
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw new DataError(`${path}: ${issue?.path.join(".")}: ${issue?.message}`, { fix });
}

/** Canonical, so that equal content is equal bytes. */
function writeJson(path: string, content: unknown): void {
  replaceFile(path, (temporary) => writeFileSync(temporary, `${canonicalJson(content)}\n`));
}
