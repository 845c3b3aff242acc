import type { PreparedTrial, SweepAudience } from "../../launch/sweep.ts";
import { presetFolder } from "../../pipeline/preset-folder.ts";
import { claimsMarkdown, claimsTable, type JudgedClaim } from "../../report/claims-table.ts";
import { type SweptTrial, sweepCells, sweepTable } from "../../report/sweep-summary.ts";
import { markdownTable } from "../../report/table.ts";
import { readSweep, type Sweep } from "../../runs/sweep.ts";
import { exitCodes, UsageError } from "../../util/errors.ts";
import { parse, storeFlags, wholeNumber } from "../command.ts";
import { drawTo, pictureFile } from "../draw.ts";
import { aside, say, sayJson, sayTable } from "../output.ts";
import { openStore, runFile } from "../places.ts";
import { sweepStory } from "../sweep-story.ts";

export const usage = {
  synopsis: "sweep -C FILE [--only TEXT] [--jobs N] [--table] [--figure OUT]",
  about:
    "Runs every trial of a grid that has no result yet, each in a process of its own, and prints the table of what is there with mean and spread over seeds, and the verdict on each claim that the file makes. Interrupted, it goes on where it was; a trial that fails is told of and the others go on.",
  flags: {
    config: { type: "string", short: "C", value: "FILE", help: "the sweep: run files, settings, grid, folder of results" },
    only: { type: "string", value: "TEXT", help: "trials whose name holds the text" },
    jobs: { type: "string", value: "N", help: "trials at once; 1 when absent" },
    table: { type: "boolean", help: "run nothing: the table of what is there, and the verdicts on claims" },
    figure: { type: "string", value: "FILE", help: "draw the plane of ZS and KA as .svg or .png" },
    markdown: { type: "boolean", help: "tables as Markdown" },
    "dry-run": { type: "boolean", help: "the trials and whether each has a result; run nothing" },
    runs: storeFlags.runs,
  },
} as const;

/** `evergreen sweep`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags } = parsed;
  if (flags.config === undefined) throw new UsageError("no sweep", "give its file with -C FILE");
  const out = flags.figure === undefined ? undefined : pictureFile("figure", flags.figure);
  const sweep = readSweep(flags.config);
  const { prepareTrials, resultOf, runTrials } = await import("../../launch/sweep.ts");
  const context = { store: openStore(flags.runs), env: process.env, cwd: process.cwd(), presets: presetFolder, fileOf: runFile };
  const all = prepareTrials(sweep, context);
  const chosen = all.filter(({ trial }) => trial.id.includes(flags.only ?? ""));
  if (chosen.length === 0) throw new UsageError(`--only ${flags.only}: no trial's name holds it`, "see the names with --dry-run");
  if (flags["dry-run"]) return listTrials(chosen, flags.json === true);
  let ended = true;
  if (!flags.table) {
    const jobs = flags.jobs === undefined ? 1 : wholeNumber("jobs", flags.jobs);
    const story: SweepAudience = sweepStory(chosen.length, flags.quiet === true || flags.json === true);
    ended = await runTrials(chosen, { ...context, jobs }, story);
  }
  const swept = all.map((prepared): SweptTrial => {
    const { trial } = prepared;
    const result = resultOf(prepared);
    return { trial: trial.id, labels: trial.labels, ...(result ? { result } : {}) };
  });
  await tell(sweep, swept, { json: flags.json === true, markdown: flags.markdown === true, ...(out === undefined ? {} : { out }) });
  if (!ended) return exitCodes.stopped;
  return flags.table || chosen.every(({ trial }) => swept.some((each) => each.trial === trial.id && each.result))
    ? exitCodes.done
    : exitCodes.internal;
}

function listTrials(trials: readonly PreparedTrial[], json: boolean): number {
  if (json)
    sayJson(
      trials.map(({ trial, run, result }) => ({ trial: trial.id, labels: trial.labels, set: trial.set, run, done: result !== undefined })),
    );
  else
    sayTable({
      columns: [{ title: "trial" }, { title: "state" }, { title: "run" }],
      rows: trials.map(({ trial, run, result }) => [trial.id, result ? "done" : "missing", run]),
    });
  return exitCodes.done;
}

async function tell(
  sweep: Sweep,
  swept: readonly SweptTrial[],
  how: { readonly json: boolean; readonly markdown: boolean; readonly out?: string },
): Promise<void> {
  const cells = sweepCells(swept);
  const table = sweepTable(sweep.axes, cells);
  const claims = await judged(sweep, swept);
  if (how.json)
    sayJson({
      sweep: sweep.name,
      cells: cells.map(({ trials, ...cell }) => ({ ...cell, trials: trials.map(({ trial }) => trial) })),
      claims,
    });
  else if (how.markdown) say([markdownTable(table), ...claimsMarkdown(claims)].join("\n\n"));
  else {
    sayTable(table);
    if (claims.length > 0) say();
    if (claims.length > 0) sayTable(claimsTable(claims));
  }
  if (how.out === undefined) return;
  const { sweepFigure } = await import("../../report/sweep-figure.ts");
  const figure = sweepFigure(sweep, cells);
  if (!figure) aside("nothing to draw: no trial has scores of knowledge and retention yet");
  else await drawTo(figure.svg, how.out);
}

async function judged(sweep: Sweep, swept: readonly SweptTrial[]): Promise<readonly JudgedClaim[]> {
  if (sweep.claims.length === 0) return [];
  const { judgeClaims } = await import("../../pipeline/judge-claims.ts");
  return judgeClaims(sweep, swept);
}
