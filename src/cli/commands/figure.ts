import type { ReportContent } from "../../report/content.ts";
import type { Figure } from "../../report/drawing.ts";
import type { RunReader } from "../../runs/run-reader.ts";
import { exitCodes, hint, UsageError } from "../../util/errors.ts";
import { parse, storeFlags } from "../command.ts";
import { drawTo, pictureFile } from "../draw.ts";
import { sayJson, sayTable } from "../output.ts";
import { openStore } from "../places.ts";

/** Figures by what people ask for, and their names in a report. */
const names = {
  trajectory: "plane",
  matrix: "matrix",
  "time-matrix": "time-matrix",
  scores: "scores",
  stability: "stability",
  budget: "budget",
  mixture: "mixture",
  loss: "loss",
  schedule: "learning-rate",
} as const;

/** Bars that a picture has room for. */
const mostRuns = 24;

export const usage = {
  synopsis: "figure NAME RUN … [--out FILE.svg|FILE.png]",
  about: `Draws one figure of a run: ${Object.keys(names).join(", ")}; budget takes several runs. Without --out its numbers are printed as a table. RUN is an id, the end of one, latest, or a folder.`,
  flags: {
    ...storeFlags,
    out: { type: "string", value: "FILE", help: "where to draw it; the ending says how: .svg, or .png at 2 pixels a point" },
  },
  arguments: [2, 1 + mostRuns],
  words: Object.keys(names),
  takesRun: true,
} as const;

/** `evergreen figure`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  reportName(rest[0] ?? "");
  const out = flags.out === undefined ? undefined : pictureFile("out", flags.out);
  const store = openStore(flags.runs);
  const readers = rest.slice(1).map((reference) => store.find(reference, flags.project));
  const figure = readers.length === 1 ? await figureOf(readers[0] as RunReader, rest[0] ?? "") : await figureOfRuns(readers, rest[0] ?? "");
  if (out !== undefined) await drawTo(figure.svg, out);
  if (flags.json) sayJson({ figure: rest[0], title: figure.title, reading: figure.reading, table: figure.table, ...(out ? { out } : {}) });
  else if (out === undefined) sayTable(figure.table);
  else if (!flags.quiet) process.stdout.write(`${out}\n`);
  return exitCodes.done;
}

/** @throws {UsageError} for a run that has nothing to draw. */
async function figureOf(reader: RunReader, name: string): Promise<Figure> {
  const { reportContent } = await import("../report-content.ts");
  const { reportFigures } = await import("../../report/report-document.ts");
  const content = await reportContent(reader);
  const figures = reportFigures(content);
  const figure = figures.find(({ id }) => id === reportName(name));
  if (figure) return figure;
  throw new UsageError(
    `${reader.record().id} has nothing to draw as ${name}`,
    (reportName(name) === names.budget ? content.missing?.at(-1) : undefined) ?? drawable(figures),
  );
}

/** @throws {UsageError} for a figure that is one run's. */
async function figureOfRuns(readers: readonly RunReader[], name: string): Promise<Figure> {
  if (reportName(name) !== names.budget)
    throw new UsageError(`the figure ${name} is of one run; ${readers.length} are named`, "draw them one by one");
  const { reportContent } = await import("../report-content.ts");
  const { budgetsFigure } = await import("../../report/budget-figure.ts");
  const contents: ReportContent[] = [];
  for (const reader of readers) contents.push(await reportContent(reader));
  const isAlone = ({ name: own }: ReportContent["run"]): boolean => contents.filter(({ run }) => run.name === own).length === 1;
  return budgetsFigure(
    contents.map(({ run, spending, missing = [] }) => {
      if (spending) return { name: isAlone(run) ? run.name : run.id, spending };
      throw new UsageError(`${run.id} has nothing to draw as ${name}`, missing.at(-1) ?? "draw the others");
    }),
  );
}

function reportName(name: string): string {
  if (Object.hasOwn(names, name)) return names[name as keyof typeof names];
  throw new UsageError(`no figure is called "${name}"`, hint(name, Object.keys(names)));
}

function drawable(figures: readonly { readonly id: string }[]): string {
  const known = Object.entries(names).flatMap(([name, id]) => (figures.some((each) => each.id === id) ? [name] : []));
  return known.length > 0 ? `it has: ${known.join(", ")}` : "train it to its first evaluation";
}
