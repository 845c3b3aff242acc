import { exitCodes, hint, UsageError } from "../../util/errors.ts";
import { parse, storeFlags } from "../command.ts";
import { drawTo, pictureFile } from "../draw.ts";
import { sayJson, sayTable } from "../output.ts";
import { openStore } from "../places.ts";

/** Figures by what people ask for, and their names in a report. */
const names = {
  trajectory: "plane",
  matrix: "matrix",
  scores: "scores",
  stability: "stability",
  mixture: "mixture",
  loss: "loss",
  schedule: "learning-rate",
} as const;

export const usage = {
  synopsis: "figure NAME RUN [--out FILE.svg|FILE.png]",
  about: `Draws one figure of a run: ${Object.keys(names).join(", ")}. Without --out its numbers are printed as a table. RUN is an id, the end of one, latest, or a folder.`,
  flags: {
    ...storeFlags,
    out: { type: "string", value: "FILE", help: "where to draw it; the ending says how: .svg, or .png at 2 pixels a point" },
  },
  arguments: [2, 2],
  words: Object.keys(names),
  takesRun: true,
} as const;

/** `evergreen figure`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const id = reportName(rest[0] ?? "");
  const out = flags.out === undefined ? undefined : pictureFile("out", flags.out);
  const reader = openStore(flags.runs).find(rest[1] ?? "", flags.project);
  const { reportContent } = await import("../report-content.ts");
  const { reportFigures } = await import("../../report/report-document.ts");
  const figures = reportFigures(await reportContent(reader));
  const figure = figures.find((each) => each.id === id);
  if (!figure) throw new UsageError(`${reader.record().id} has nothing to draw as ${rest[0]}`, drawable(figures));
  if (out !== undefined) await drawTo(figure.svg, out);
  if (flags.json) sayJson({ figure: rest[0], title: figure.title, reading: figure.reading, table: figure.table, ...(out ? { out } : {}) });
  else if (out === undefined) sayTable(figure.table);
  else if (!flags.quiet) process.stdout.write(`${out}\n`);
  return exitCodes.done;
}

function reportName(name: string): string {
  if (Object.hasOwn(names, name)) return names[name as keyof typeof names];
  throw new UsageError(`no figure is called "${name}"`, hint(name, Object.keys(names)));
}

function drawable(figures: readonly { readonly id: string }[]): string {
  const known = Object.entries(names).flatMap(([name, id]) => (figures.some((each) => each.id === id) ? [name] : []));
  return known.length > 0 ? `it has: ${known.join(", ")}` : "train it to its first evaluation";
}
