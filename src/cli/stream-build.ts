import { resolve } from "node:path";
import { datasetOf } from "../data/source.ts";
import type { StreamManifest } from "../streams/manifest.ts";
import { formatManifest } from "../streams/manifest.ts";
import { formatStreamFile } from "../streams/published-file.ts";
import type { ComponentSpec } from "../util/component.ts";
import { UsageError } from "../util/errors.ts";
import { parse, wholeNumber } from "./command.ts";
import { aside, counted, fromHere, say, sayJson } from "./output.ts";
import { writeOutput } from "./output-file.ts";
import { pluginFlag, usePluginFlag } from "./plugin-flag.ts";
import { splitReferences } from "./references.ts";

export const usage = {
  synopsis: "stream build --from SOURCE … --out FILE.json [options]",
  about: [
    "Orders the concepts of data and writes the stream's file, which a run names in stream.from. The same data, order and seed give the same file.",
    "Without --tasks: a year a task where every concept is dated, else a data set a task.",
    'A published stream file (a JSON list of "DATASET+++class name") is read with --list, and written with --as list.',
  ].join("\n"),
  flags: {
    from: { type: "string", value: "SOURCE", multiple: true, help: "a folder, tars, a table, mini-flux; repeatable" },
    out: { type: "string", value: "FILE", short: "o", help: "the stream's file" },
    list: { type: "string", value: "FILE", help: "take the concepts that this published stream file lists, in its order" },
    order: {
      type: "string",
      value: "NAME",
      help: "given (default), random, performance, similarity, similarity-search, frequency, time, dataset",
    },
    option: { type: "string", value: "KEY=VALUE", multiple: true, help: "an option of the order, as starts=64 or blocks=dataset" },
    reverse: { type: "boolean", help: "from the last to the first" },
    prefix: { type: "string", value: "N", help: "keep the first N concepts" },
    tasks: { type: "string", value: "N", help: "tasks to cut into" },
    "cut-by": { type: "string", value: "UNIT", choices: ["concepts", "samples"], help: "what tasks have equally many of" },
    scores: { type: "string", value: "FILE", help: "scores that the order needs: evergreen stream score" },
    seed: { type: "string", value: "N", help: "default 0" },
    splits: {
      type: "string",
      value: "KIND",
      choices: ["tic"],
      help: "put test splits over time (dynamic) and beside it (static) into the file",
    },
    ...pluginFlag,
    as: { type: "string", value: "FORM", choices: ["manifest", "list"], help: "form of the file" },
  },
} as const;

/** `evergreen stream build`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags } = parsed;
  await usePluginFlag(flags);
  const from = splitReferences(flags.from ?? []);
  if (from.length === 0) throw new UsageError("no data", "--from SOURCE: a folder, tars, a table, or mini-flux");
  if (flags.out === undefined) throw new UsageError("no file to write", "--out FILE.json");
  const out = resolve(flags.out);
  const { buildStream } = await import("../pipeline/build-stream.ts");
  const tasks = flags.tasks === undefined ? {} : { tasks: wholeNumber("tasks", flags.tasks) };
  const cutBy = flags["cut-by"] === undefined ? {} : { cutBy: flags["cut-by"] as "concepts" | "samples" };
  const scores = flags.scores === undefined ? {} : { scores: resolve(flags.scores) };
  const manifest = await buildStream(
    { from, base: process.cwd(), out, env: process.env },
    {
      stream: { order: orderOf(flags), ...tasks, ...cutBy, ...scores },
      seed: flags.seed === undefined ? 0 : wholeNumber("seed", flags.seed, 0),
      ...(flags.list === undefined ? {} : { list: flags.list }),
      withTests: flags.splits !== undefined,
    },
  );
  const isList = flags.as === "list";
  writeOutput(out, [isList ? formatStreamFile(conceptsIn(manifest)) : formatManifest(manifest)]);
  const file = fromHere(out);
  tell(manifest, out, {
    ...flags,
    ...(isList ? { next: `a stream in its order: evergreen stream build --from SOURCE --list ${file} --out FILE.json` } : {}),
  });
  return 0;
}

/** What was written, for people or machines; `next` is the story's line of what it is for. */
export function tell(
  manifest: StreamManifest,
  out: string,
  { json, quiet, next }: { readonly json?: boolean; readonly quiet?: boolean; readonly next?: string },
): void {
  const concepts = conceptsIn(manifest);
  const samples = manifest.tasks.flatMap((task) => task.concepts).reduce((sum, each) => sum + each.samples, 0);
  const facts = { file: out, digest: manifest.digest, tasks: manifest.tasks.length, concepts: concepts.length, samples };
  if (json) sayJson(facts);
  else {
    const counts = [counted(facts.tasks, "task"), counted(facts.concepts, "concept"), counted(samples, "sample")];
    say(`${fromHere(out)}: ${counts.join(", ")}; digest ${facts.digest.slice(0, 16)}`);
  }
  if (!json && !quiet) aside(next ?? `in a run file: stream: {from: ${fromHere(out)}}   see it: evergreen stream show ${fromHere(out)}`);
}

function orderOf(flags: {
  readonly order?: string;
  readonly option?: readonly string[];
  readonly reverse?: boolean;
  readonly prefix?: string;
  readonly list?: string;
}): string | ComponentSpec {
  const options = (flags.option ?? []).map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`--option ${text}: expected KEY=VALUE`, "as --option starts=64");
    const value = text.slice(at + 1);
    return [text.slice(0, at), /^(true|false|-?\d+(\.\d+)?)$/.test(value) ? (JSON.parse(value) as unknown) : value] as const;
  });
  const name = flags.order ?? "given";
  const more = {
    ...Object.fromEntries(options),
    ...(flags.reverse ? { reverse: true } : {}),
    ...(flags.prefix === undefined ? {} : { prefix: wholeNumber("prefix", flags.prefix) }),
  };
  // A list has an order of its own, which years do not undo.
  return Object.keys(more).length > 0 || flags.list !== undefined ? { name, ...more } : name;
}

function conceptsIn({ tasks }: StreamManifest): readonly { readonly dataset: string; readonly name: string }[] {
  return tasks.flatMap(({ concepts }) => concepts.map(({ id }) => ({ dataset: datasetOf(id), name: id.slice(id.indexOf("/") + 1) })));
}
