import type { Comparison } from "../../pipeline/compare.ts";
import { presetFolder } from "../../pipeline/preset-folder.ts";
import { differencesTable, scoresTable, setsTable, verdictOf } from "../../report/comparison.ts";
import { seedTable } from "../../report/seed-table.ts";
import { markdownTable, type Table, textTable } from "../../report/table.ts";
import { exitCodes, UsageError } from "../../util/errors.ts";
import { parse, storeFlags } from "../command.ts";
import { openStore } from "../places.ts";

export const usage = {
  synopsis: "compare RUN RUN … [options]",
  about:
    "Holds runs against the first of them at equal samples: KA, ZS and GM, differences by paired bootstrap over the same items with a verdict (better, worse, or a tie), and the settings that differ. Runs that differ in the seed alone are shown as one, mean ± standard deviation, and compared seed by seed. RUN is an id, the end of one, latest, or a folder.",
  flags: {
    ...storeFlags,
    sets: { type: "boolean", help: "every set as well" },
    last: { type: "boolean", help: "the last evaluation of each run, not that at equal samples" },
    force: { type: "boolean", help: "runs whose budgets were charged in different ways too" },
    markdown: { type: "boolean", help: "tables as Markdown" },
    "fail-on": {
      type: "string",
      multiple: true,
      value: "SCORE<POINTS",
      help: "exit 8 when ka or zs of a run is that far from the first and surely worse, as zs<-1; exit 10 when it cannot be told",
    },
  },
  arguments: [2, 32],
  takesRun: true,
} as const;

interface Limit {
  readonly text: string;
  readonly score: "ka" | "zs";
  /** A share. */
  readonly below: number;
}

/** `evergreen compare`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const limits = (flags["fail-on"] ?? []).map(limitOf);
  const store = openStore(flags.runs);
  const { compareRuns } = await import("../../pipeline/compare.ts");
  const comparison = await compareRuns(
    rest.map((reference) => store.find(reference, flags.project)),
    { env: process.env, presets: presetFolder, last: flags.last === true, force: flags.force === true },
  );
  const failures = limits.flatMap((limit) => judged(limit, comparison));
  if (flags.json) process.stdout.write(`${JSON.stringify({ ...comparison, failures })}\n`);
  else tell(comparison, { sets: flags.sets === true, show: flags.markdown ? markdownTable : textTable });
  for (const { text } of failures) process.stderr.write(`${text}\n`);
  if (failures.some(({ sure }) => sure)) return exitCodes.assertion;
  return failures.length > 0 ? exitCodes.undecided : exitCodes.done;
}

/** `zs<-1`. */
function limitOf(text: string): Limit {
  const [, score, points] = /^\s*(ka|zs)\s*<\s*([-−]?\d+(?:\.\d+)?)\s*$/i.exec(text) ?? [];
  if (score === undefined || points === undefined)
    throw new UsageError(`--fail-on ${text}: expected ka or zs, <, and points`, "as --fail-on 'zs<-1'");
  return { text, score: score.toLowerCase() as Limit["score"], below: Number(points.replace("−", "-")) / 100 };
}

interface Failure {
  readonly text: string;
  /** Chance cannot explain it. */
  readonly sure: boolean;
}

/** What a limit says of each run, or group of seeds, but the first: nothing where it holds. */
function judged({ text, score, below }: Limit, comparison: Comparison): readonly Failure[] {
  const [first, ...others] = isGrouped(comparison)
    ? comparison.groups.map(({ runs, changes }) => ({ id: runs.join(", "), changes }))
    : comparison.runs;
  return others.flatMap(({ id, changes }): readonly Failure[] => {
    const change = changes?.[score];
    const verdict = verdictOf(change);
    if (!change || verdict === "unpaired")
      return [{ text: `${text}: ${id} cannot be told from ${first?.id}: no common items or seeds`, sure: false }];
    if (change.value >= below) return [];
    const moved = `${id} ${score} ${(100 * change.value).toFixed(1)} points from ${first?.id}`;
    return verdict === "worse"
      ? [{ text: `${text}: ${moved}`, sure: true }]
      : [{ text: `${text}: ${moved}, but zero is in its interval`, sure: false }];
  });
}

/** True where some runs differ in the seed alone. */
const isGrouped = ({ groups, runs }: Comparison): boolean => groups.length < runs.length;

function tell(comparison: Comparison, { sets, show }: { readonly sets: boolean; readonly show: (table: Table) => string }): void {
  const { runs, groups, differences, refused } = comparison;
  const grouped = isGrouped(comparison);
  const ids = grouped ? groups.map((group) => group.runs[0] ?? "") : runs.map(({ id }) => id);
  const parts = [
    ...(grouped
      ? [
          show(seedTable(groups)),
          `Mean ± standard deviation over seeds. Changes are points from ${ids[0]} with 95 % intervals (Student's t over seeds); an interval that holds zero is a tie.`,
        ]
      : []),
    show(scoresTable(runs)),
    ...(runs.every(({ samples }) => samples === 0)
      ? ["The runs were scored at no equal number of samples but the start; --last compares their ends."]
      : []),
    `Changes are points from ${runs[0]?.id} with 95 % intervals, both runs on the same resampled items; an interval that holds zero is a tie.`,
    ...(sets ? [show(setsTable(runs))] : []),
    differences.length > 0 ? show(differencesTable(ids, differences)) : `The ${grouped ? "groups" : "runs"} have the same settings.`,
    ...(refused.length > 0 ? [refused.map(({ set, run, reason }) => `not compared: ${set} of ${run}, ${reason}`).join("\n")] : []),
  ];
  process.stdout.write(`${parts.join("\n\n")}\n`);
}
