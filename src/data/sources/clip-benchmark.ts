import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { hint } from "../../util/errors.ts";
import { hashOf } from "../../util/hash.ts";
import { DataError } from "../data-error.ts";
import { indexedSource } from "../indexed-source.ts";
import type { DataSource, LeftOut, SourceDefinition, Split } from "../source.ts";
import { tarSamplesIn } from "../tar-samples.ts";
import { linesIn } from "../text-lines.ts";

const options = z.strictObject({
  path: z.string().min(1).describe("a folder of wds_… folders, or one of them"),
  sets: z.array(z.string()).min(1).optional().describe("sets that must be there, by name; default: all that are"),
  role: z.enum(["adapt", "eval"]).default("eval").describe("streamed and scored, or only scored"),
});

const counts = "nshards.txt";
const splits: readonly Split[] = ["train", "test"];

const definition: SourceDefinition<typeof options> = {
  summary: "Data sets as CLIP_benchmark exports them: wds_NAME with tars of train and test, class names and prompt templates.",
  source: "the WebDataset layout of CLIP_benchmark",
  options,
  recognises: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true && foldersBelow(path).length > 0,
  async open({ path, sets, role }) {
    const folders = new Map(foldersBelow(path).map((folder) => [nameOf(folder), folder]));
    const known = [...folders.keys()].sort();
    if (known.length === 0)
      throw new DataError(`${path}: no folder here has a test/${counts}`, { fix: "export a set with clip_benchmark_export_wds" });
    const unknown = sets?.find((name) => !folders.has(name));
    if (unknown !== undefined) throw new DataError(`${path}: there is no set "${unknown}"`, { fix: hint(unknown, known) });
    return known.filter((name) => sets === undefined || sets.includes(name)).map((name) => openSet(name, folders.get(name) ?? path, role));
  },
};
export default definition;

const nameOf = (folder: string): string => basename(folder).replace(/^wds[_-]/, "");

function foldersBelow(path: string): readonly string[] {
  const isSet = (folder: string): boolean => splits.some((split) => existsSync(join(folder, split, counts)));
  if (isSet(path)) return [path];
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(path)
    .map((name) => join(path, name))
    .filter(isSet);
}

function openSet(name: string, folder: string, role: "adapt" | "eval"): DataSource {
  const type = linesOf(join(folder, "dataset_type.txt"))[0] ?? "classification";
  if (type !== "classification" && type !== "retrieval")
    throw new DataError(`${folder}: dataset_type.txt says ${type}; classification and retrieval are read`);
  const isRetrieval = type === "retrieval";
  const classNames = isRetrieval ? [] : linesOf(join(folder, "classnames.txt"));
  if (!isRetrieval && classNames.length === 0) throw new DataError(`${folder}: no classnames.txt, a line for each class`);
  const given = linesOf(join(folder, "zeroshot_classification_templates.txt")).map((line) => line.replaceAll("{c}", "{}"));
  const templates = isRetrieval ? ["{}"] : given.length > 0 ? given : ["a photo of a {}."];
  const parts = splits.map((split) => ({
    split,
    ...tarSamplesIn(shardsOf(join(folder, split)), { classNames, testShare: 0, linesAreCaptions: isRetrieval }),
  }));
  const samples = parts.flatMap(({ split, samples: own }) => own.map((sample) => ({ ...sample, key: `${split}/${sample.key}`, split })));
  const known = new Set(classNames);
  const odd = samples.find(({ className }) => known.size > 0 && !known.has(className ?? ""));
  if (odd)
    throw new DataError(`${folder}: ${odd.key} is of class ${odd.className ?? "none"}, classnames.txt has ${classNames.length} lines`);
  const leftOut: readonly LeftOut[] = parts.flatMap((part) => part.leftOut);
  const source = indexedSource({ name, role, templates, samples, leftOut });
  // Equal names are one class: no text can tell them apart.
  const names = [...known];
  return { ...source, task: type, classNames: names, fingerprint: hashOf({ index: source.fingerprint, names }) };
}

/** `0.tar` to the number that the count says; none where a split is not there. */
function shardsOf(folder: string): readonly string[] {
  const [count] = linesOf(join(folder, counts));
  if (count === undefined) return [];
  if (!/^\d+$/.test(count)) throw new DataError(`${join(folder, counts)}: expected a number of tars, got "${count}"`);
  const paths = Array.from({ length: Number(count) }, (_, i) => join(folder, `${i}.tar`));
  const missing = paths.filter((path) => !existsSync(path));
  if (missing.length > 0)
    throw new DataError(`${missing[0]}: there is no such file; ${counts} says ${count}`, {
      fix: `fetch the ${missing.length} tars that are missing`,
    });
  return paths;
}

/** None where there is no such file. */
const linesOf = (path: string): readonly string[] => (existsSync(path) ? linesIn(readFileSync(path, "utf8")) : []);
