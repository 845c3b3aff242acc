import { existsSync, mkdirSync } from "node:fs";
import { basename, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { DataSource } from "../../data/source.ts";
import { presetFolder } from "../../pipeline/preset-folder.ts";
import { oneLine } from "../../report/table.ts";
import { readSpec } from "../../runs/spec.ts";
import { runJsonSchema } from "../../runs/spec-schema.ts";
import { EvergreenError, exitCodes, UsageError } from "../../util/errors.ts";
import { parse } from "../command.ts";
import { type InitFacts, initFile } from "../init-file.ts";
import { aside, cut, sayFacts, sayJson } from "../output.ts";
import { writeOutput } from "../output-file.ts";

export const usage = {
  synopsis: "init --from FOLDER|TSV|TAR|PARQUET [--model FILE]",
  about:
    "Looks at your images and writes ./evergreen.yaml, a commented run file that evergreen train takes as it is, and .evergreen/schema.json for editors. Without --model it starts from the embedded small model.",
  flags: {
    from: {
      type: "string",
      value: "DATA",
      help: "a folder of images, a table (CSV, TSV, JSONL), tars, parquet files, or a reference as wds:{00..09}.tar",
    },
    model: { type: "string", value: "FILE", help: "a checkpoint to start from: .safetensors or a model's folder" },
    arch: { type: "string", value: "NAME", help: "its architecture, where the weights do not say" },
    test: { type: "string", value: "SHARE", help: "share kept for testing where the data has no test split (0.1)" },
    force: { type: "boolean", help: "replace an evergreen.yaml that is there" },
  },
} as const;

const fileName = "evergreen.yaml";
const embedded = { arch: "mini-flux", init: "preset:mini-flux-base", isEmbedded: true } as const;

/** `evergreen init`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags } = parsed;
  if (flags.from === undefined) throw new UsageError("init: from which data?", "as evergreen init --from ./photos");
  if (existsSync(fileName) && !flags.force) throw new FileExistsError();
  const testShare = shareOf(flags.test ?? "0.1");
  const { from, sets } = await dataOf(flags.from, testShare);
  const model = flags.model === undefined ? embedded : await modelOf(flags.model, flags.arch);
  const facts = factsOf(sets, { from, ...model });
  const text = initFile(facts);
  mkdirSync(".evergreen", { recursive: true });
  writeOutput(join(".evergreen", "schema.json"), [`${JSON.stringify(runJsonSchema(), undefined, 2)}\n`]);
  writeOutput(fileName, [text]);
  // What was written is read as train will read it.
  readSpec({ files: [fileName], env: process.env, cwd: process.cwd(), presets: presetFolder });
  const { found, train, test, concepts } = facts;
  if (flags.json) sayJson({ wrote: [fileName, ".evergreen/schema.json"], from, train, test, concepts, arch: facts.arch, init: facts.init });
  else
    sayFacts([
      ["found", found],
      ["model", `${facts.arch}, from ${facts.init}`],
      ["wrote", `${fileName} (${text.split("\n").length - 1} lines, commented), .evergreen/schema.json`],
      ["next", "evergreen train   (or look first: evergreen explain, evergreen data check)"],
    ]);
  if (!flags.quiet && test === 0) aside("note: nothing is left for testing; give --test a larger share to have the run evaluated");
  return exitCodes.done;
}

class FileExistsError extends EvergreenError {
  constructor() {
    super(`${fileName} is there already`, {
      code: "EG-9401",
      exit: "conflict",
      fix: "write over it with --force, or go to another folder",
    });
  }
}

function shareOf(text: string): number {
  const share = text.trim() === "" ? Number.NaN : Number(text);
  if (share >= 0 && share < 1) return share;
  throw new UsageError(`--test ${text}: expected a share from 0 to below 1`, "as --test 0.1");
}

/** Opens what the user named and finds how the run file is to name it: with its source, a path from here, and a test share where the data has no test split. */
async function dataOf(given: string, testShare: number): Promise<{ readonly from: string; readonly sets: readonly DataSource[] }> {
  const { openSources, specOf } = await import("../../data/open-sources.ts");
  const cwd = process.cwd();
  const { name, path, testShare: said } = await specOf(given, cwd);
  const sets = await openSources(given, cwd);
  if (typeof path !== "string") return { from: given, sets };
  const query = given.includes("?") && !existsSync(given) ? given.slice(given.lastIndexOf("?")) : "";
  const plain = `${name}:${pathFromHere(path, cwd)}${query}`;
  if (said !== undefined || sets.some((set) => set.records("test").length > 0)) return { from: plain, sets };
  const from = `${plain}${query ? "&" : "?"}test=${testShare}`;
  return { from, sets: await openSources(from, cwd) };
}

function pathFromHere(path: string, cwd: string): string {
  const inside = relative(cwd, resolve(cwd, path)).split(sep).join("/");
  if (isAbsolute(path) && inside.startsWith("..")) return path;
  return inside.startsWith("..") ? inside : `./${inside}`;
}

async function modelOf(given: string, arch: string | undefined): Promise<Pick<InitFacts, "arch" | "init" | "isEmbedded">> {
  const { findModelFile } = await import("../model-reference.ts");
  const { openModelFolder } = await import("../../models/model-folder.ts");
  const path = findModelFile(given, undefined);
  const opened = await openModelFolder(path, arch === undefined ? {} : { arch });
  if (opened.architecture === undefined)
    throw new EvergreenError(`${given}: its architecture has no name, and a run file needs one`, {
      code: "EG-4402",
      exit: "data",
      fix: "use a checkpoint of a known architecture; evergreen model info shows what it is",
    });
  const init = given.startsWith("preset:") ? given : pathFromHere(path, process.cwd());
  return { arch: opened.architecture, init, isEmbedded: opened.architecture === embedded.arch };
}

/** The embedded benchmark's pictures are drawings; a user's are taken for photographs. */
const drawn = /^mini-flux/;

function factsOf(sets: readonly DataSource[], known: Pick<InitFacts, "from" | "arch" | "init" | "isEmbedded">): InitFacts {
  const streamed = sets.filter(({ role }) => role !== "eval");
  const count = (split: "train" | "test"): number => sets.reduce((sum, set) => sum + set.records(split).length, 0);
  const concepts = streamed.flatMap((set) => set.concepts());
  const [train, test] = [count("train"), count("test")];
  const classes = sets.reduce((sum, set) => sum + set.classNames.length, 0);
  const [first] = sets;
  const what = classes > 0 ? `${classes} classes` : "captions";
  const leftOut = sets.reduce((sum, set) => sum + (set.leftOut?.length ?? 0), 0);
  const sample = first?.records("train")[0]?.captions[0];
  return {
    ...known,
    name: wordOf(sets.length === 1 ? (first?.name ?? "run") : basename(known.from)),
    found: `${(train + test).toLocaleString("en-US")} images in ${sets.length === 1 ? "one data set" : `${sets.length} data sets`}, ${what}; ${train} to train, ${test} to test${leftOut > 0 ? `, ${leftOut} left out` : ""}${sample ? `; as "${cut(oneLine(sample), 60)}"` : ""}`,
    train,
    test,
    concepts: concepts.length,
    isDated: concepts.length > 0 && concepts.every(({ stats }) => stats.year !== undefined),
    hasDrawings: drawn.test(known.from),
  };
}

/** A name that a run file may have. */
function wordOf(text: string): string {
  const word = text
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+|-+$/g, "")
    .slice(0, 40);
  return word === "" ? "run" : word;
}
