import { readFileSync } from "node:fs";
import { type Outline, outlineOf, summaries, type TaskSummary } from "../streams/outline.ts";
import { switches } from "../streams/published-file.ts";
import { StreamError } from "../streams/stream.ts";
import { UsageError } from "../util/errors.ts";
import { parse, wholeNumber } from "./command.ts";
import { aside, sayFacts, sayJson, sayTable } from "./output.ts";
import { checkOutput, writeOutput } from "./output-file.ts";

export const usage = {
  synopsis: "stream show FILE [--tasks N] [--html PAGE.html] [--json]",
  about:
    "Draws a stream: concepts and samples of each task, where they come from, and of which years. FILE is a built stream or a published stream file.",
  flags: {
    tasks: { type: "string", value: "N", help: "tasks to cut a published file into, default 20" },
    html: { type: "string", value: "PAGE.html", help: "draw the stream with some of its pictures, in one page that needs nothing else" },
  },
  arguments: [1, 1],
} as const;

/** `evergreen stream show`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags, rest } = parsed;
  const outline = readOutline(rest[0] ?? "", flags.tasks === undefined ? 20 : wholeNumber("tasks", flags.tasks));
  const rows = summaries(outline);
  const facts = factsOf(outline);
  if (flags.html !== undefined) await writePage(flags.html, { outline, file: rest[0] ?? "", facts });
  if (flags.json) {
    sayJson({ ...facts, tasks: rows.map(({ sets, ...row }) => ({ ...row, sets: Object.fromEntries(sets) })) });
    return 0;
  }
  if (!flags.quiet && process.stdout.isTTY)
    sayFacts(Object.entries(facts).map(([name, value]) => [words[name] ?? name, String(value)] as const));
  sayTable(taskTable(rows));
  if (flags.html !== undefined && !flags.quiet) aside(`page written to ${flags.html}`);
  return 0;
}

async function writePage(
  page: string,
  { outline, file, facts }: { readonly outline: Outline; readonly file: string; readonly facts: Facts },
): Promise<void> {
  if (!/\.html?$/i.test(page)) throw new UsageError(`--html ${page}: expected a name that ends in .html`, "end it in .html");
  checkOutput(page);
  // What draws and reads pictures is loaded only for a page.
  const [{ streamContent }, { streamDocument }, { renderPage }] = await Promise.all([
    import("./stream-page.ts"),
    import("../report/stream-document.ts"),
    import("../report/html.ts"),
  ]);
  const named = Object.entries(facts).map(([name, value]) => [words[name] ?? name, value] as const);
  writeOutput(page, [renderPage(streamDocument(await streamContent(outline, file, named)), "stream")]);
}

/** A stream's file. @throws {StreamError} when it cannot be read. */
export function readOutline(file: string, tasks: number): Outline {
  return outlineOf(readStreamText(file), file, { tasks });
}

export function readStreamText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new StreamError(`${file}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, "make one with: evergreen stream build");
  }
}

type Facts = Readonly<Record<string, string | number>>;

function factsOf(outline: Outline): Facts {
  const concepts = outline.tasks.flatMap((task) => task.concepts);
  const { manifest } = outline;
  return {
    concepts: concepts.length,
    dataSets: new Set(concepts.map(({ dataset }) => dataset)).size,
    switches: switches(concepts),
    ...(manifest ? { order: orderText(manifest.order), seed: manifest.seed, digest: manifest.digest } : {}),
    ...(manifest?.parent === undefined ? {} : { parent: manifest.parent }),
    ...(manifest?.tests ? { staticTests: manifest.tests.static.samples } : {}),
  };
}

function orderText({ name, ...options }: { readonly name: string; readonly [option: string]: unknown }): string {
  return [name, ...Object.entries(options).map(([key, value]) => `${key}=${String(value)}`)].join(" ");
}

/** Names of facts as people read them. */
const words: Readonly<Record<string, string>> = { dataSets: "data sets", staticTests: "static tests" };
/** Widest bar. */
const barWidth = 20;
const setsShown = 3;

function taskTable(rows: readonly TaskSummary[]) {
  const most = Math.max(...rows.map(({ concepts }) => concepts));
  const tested = rows.some(({ tests }) => tests !== undefined);
  const number = (title: string) => ({ title, align: "right" as const });
  return {
    columns: [
      number("task"),
      { title: "name" },
      number("concepts"),
      { title: "" },
      number("samples"),
      ...(tested ? [number("tests")] : []),
      { title: "years" },
      { title: "from" },
    ],
    rows: rows.map(({ task, name, concepts, samples, tests, sets, years }) => [
      task,
      name ?? "",
      concepts,
      "▇".repeat(Math.max(1, Math.round((barWidth * concepts) / most))),
      samples,
      ...(tested ? [tests] : []),
      years ? (years[0] === years[1] ? `${years[0]}` : `${years[0]}–${years[1]}`) : "",
      [
        ...sets.slice(0, setsShown).map(([set, count]) => `${set} ${count}`),
        ...(sets.length > setsShown ? [`and ${sets.length - setsShown} more`] : []),
      ].join(", "),
    ]),
  };
}
