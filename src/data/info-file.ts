import { readFileSync } from "node:fs";
import { z } from "zod";
import { DataError, reasonOf } from "./data-error.ts";

const caption = z.union([z.string(), z.array(z.string().nullable())]).nullish();

/** What an info file says of a picture; keys that are not used here may be there too. */
const record = z.object({
  classname: z.string().nullish(),
  /** Place in the class list; of the picture itself where there is none. */
  target: z.int().min(0),
  default_caption: caption,
  synthetic_merged_caption: caption,
});

/** What merging captions reads of it. */
const uncaptioned = record.extend({ synthetic_caption: caption });

/** A sample of an info file. */
export interface InfoRecord {
  /** Picture, relative to the set's folder, with slashes. */
  readonly path: string;
  /** By the class list at the record's target, whatever name the record itself carries; undefined where there is no list. */
  readonly className?: string;
  /** The set's own, else the merged ones; may be empty. */
  readonly captions: readonly string[];
}

/**
 * Reads the info file of a part of a published data set, in the order of the file.
 *
 * The class is the list's entry at `target`: the name in the record is not relied on, as CLEVR's records carry names of another list.
 * @throws {DataError} naming file and picture: no JSON, a target outside the list, a path that leaves the set's folder.
 */
export function readInfoFile(file: string, classNames: readonly string[]): readonly InfoRecord[] {
  return entries(file, record).records.map(([path, { target, default_caption, synthetic_merged_caption }]) => {
    checkPath(file, path);
    const captions = texts(default_caption);
    return {
      path,
      ...(classNames.length === 0 ? {} : { className: classAt({ file, path, target }, classNames) }),
      captions: captions.length > 0 ? captions : texts(synthetic_merged_caption),
    };
  });
}

/** What the caption of a picture is merged of. */
export interface CaptionParts {
  readonly path: string;
  /** By the class list at the record's target where there is a list, else the record's own; absent where it has none. */
  readonly className?: string;
  /** The first of a captioner's that says something. */
  readonly synthetic?: string;
}

/**
 * Reads an info file for a step that writes it again: as it stands (of whole numbers as keys, which no picture's path is, not in its order) and what its captions are
 * merged of.
 * @throws {DataError} as {@link readInfoFile}.
 */
export function readCaptionParts(
  file: string,
  classNames: readonly string[],
): { readonly whole: Readonly<Record<string, object>>; readonly parts: readonly CaptionParts[] } {
  const { whole, records } = entries(file, uncaptioned);
  const parts = records.map(([path, { target, classname, synthetic_caption }]): CaptionParts => {
    checkPath(file, path);
    const className = classNames.length > 0 ? classAt({ file, path, target }, classNames) : classname?.trim();
    const [synthetic] = texts(synthetic_caption);
    return { path, ...(className ? { className } : {}), ...(synthetic === undefined ? {} : { synthetic }) };
  });
  return { whole, parts };
}

/** Reads a class list: position is target. @throws {DataError} for anything but an array of different names. */
export function readClassList(file: string): readonly string[] {
  const parsed = z.array(z.string().min(1)).min(1).safeParse(json(file));
  if (!parsed.success) throw new DataError(`${file}: expected an array of class names`);
  const names = parsed.data;
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new DataError(`${file}: "${twice}" stands twice in the class list`, { fix: "give the two classes different names" });
  return names;
}

function entries<S extends typeof record>(
  file: string,
  schema: S,
): { readonly whole: Readonly<Record<string, object>>; readonly records: readonly (readonly [path: string, z.output<S>])[] } {
  const whole = json(file);
  const parsed = z.record(z.string(), schema).safeParse(whole);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new DataError(`${file}: ${issue?.path.join(" → ") || "the whole"}: ${issue?.message ?? "not an info file"}`, {
      fix: "an info file is an object from picture paths to records with a target",
    });
  }
  return { whole: whole as Readonly<Record<string, object>>, records: Object.entries(parsed.data) };
}

function classAt(at: { readonly file: string; readonly path: string; readonly target: number }, classNames: readonly string[]): string {
  const name = classNames[at.target];
  if (name === undefined)
    throw new DataError(
      `${at.file}: ${at.path}: target ${at.target}, expected less than ${classNames.length}, the length of the class list`,
      {
        fix: "info files and class list must be of one version",
      },
    );
  return name;
}

function checkPath(file: string, path: string): void {
  if (path === "" || path.includes("\0") || /^([/\\]|[a-z]:)/i.test(path) || path.split(/[/\\]/).includes(".."))
    throw new DataError(`${file}: ${JSON.stringify(path)} is no path inside the set's folder`);
}

/** Captions that say something; a null among them is passed over. */
function texts(given: z.output<typeof caption>): readonly string[] {
  return [given ?? []].flat().flatMap((text) => (text === null || text.trim() === "" ? [] : [text.trim()]));
}

function json(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new DataError(`${file}: cannot be read as JSON (${reasonOf(error)})`, { cause: error });
  }
}
