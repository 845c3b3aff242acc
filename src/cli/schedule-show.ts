import { presetFolder } from "../pipeline/preset-folder.ts";
import { standalone } from "../report/drawing.ts";
import { rateSummary, scheduleFigure } from "../report/schedule-figure.ts";
import { readSpec } from "../runs/spec.ts";
import { exitCodes, UsageError } from "../util/errors.ts";
import { parse, runFileFlags } from "./command.ts";
import { aside, sayJson, sayTable } from "./output.ts";
import { writeOutput } from "./output-file.ts";
import { runFiles } from "./places.ts";

export const usage = {
  synopsis: "schedule show -C FILE [--out FILE.svg]",
  about:
    "The learning rate over all tasks of a run file, as its steps will be made: a line a task, and a picture with --out. Reads no image. Without -C: ./evergreen.yaml.",
  flags: { ...runFileFlags, out: { type: "string", value: "FILE.svg", help: "draw the rate of every step into this file" } },
} as const;

/** `evergreen schedule show`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags } = parsed;
  const files = runFiles(flags.config);
  if (flags.out !== undefined && !flags.out.endsWith(".svg"))
    throw new UsageError(`--out ${flags.out}: expected a name that ends in .svg`, "end it in .svg");
  const { spec } = readSpec({
    files: files,
    set: flags.set ?? [],
    env: process.env,
    cwd: process.cwd(),
    presets: presetFolder,
  });
  const { ratesOf } = await import("../pipeline/rates.ts");
  const tasks = await ratesOf(spec, process.cwd());
  const figure = scheduleFigure(spec.schedule.name, tasks);
  if (flags.out !== undefined) writeOutput(flags.out, [standalone(figure.svg)]);
  if (flags.json)
    sayJson({
      schedule: spec.schedule,
      lr: spec.optim.lr,
      tasks: tasks.map(({ name, rates }) => ({
        ...(name === undefined ? {} : { name }),
        steps: rates.length,
        ...rateSummary(rates),
        rates,
      })),
    });
  else sayTable(figure.table);
  if (flags.out !== undefined && !flags.quiet && !flags.json) aside(`picture written to ${flags.out}`);
  return exitCodes.done;
}
