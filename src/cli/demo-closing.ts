import { type Table, textTable } from "../report/table.ts";
import type { Measurement } from "../runs/measurement.ts";
import { RunReader } from "../runs/run-reader.ts";
import { latestScores, type RunView, viewOf } from "../runs/view.ts";
import { formatDuration } from "../util/units.ts";
import { coloursOf, commandName } from "./output.ts";

const pc = coloursOf(process.stderr);

/** Says what a finished demo did, before the lines that every run ends with. */
export function tellDemo(folder: string): void {
  const reader = new RunReader(folder);
  process.stderr.write(`${whatHappened(viewOf(reader.events(), reader.plan())).join("\n")}\n`);
}

/** Says what to type after a demo. */
export function tellWhatNext(folder: string): void {
  const { id } = new RunReader(folder).record();
  process.stderr.write(`${whatNext(id, commandName(process.env)).join("\n")}\n`);
}

/** What happened, in lines of at most 80 columns. */
export function whatHappened(view: RunView): readonly string[] {
  const before = view.evaluations[0]?.scores;
  const after = latestScores(view, "live");
  const took = view.startedT !== undefined && view.lastT !== undefined ? ` in ${formatDuration(view.lastT - view.startedT)}` : "";
  const heading = [
    "",
    pc.bold("What happened"),
    `A small CLIP model learned new drawings in ${view.tasks.length} tasks, ${view.samples.toLocaleString("en")} samples${took}.`,
  ];
  if (!before || !after) return [...heading, ""];
  const table: Table = {
    columns: [{ title: "per cent, with 95 % intervals" }, { title: "before", align: "right" }, { title: "after", align: "right" }],
    rows: [
      [`KA  what it was taught     ${sets(after.kaSets)}`, show(before.ka), show(after.ka)],
      [`ZS  what it knew before    ${sets(after.zsSets)}`, show(before.zs), show(after.zs)],
    ],
  };
  return [
    ...heading,
    "",
    ...textTable(table)
      .split("\n")
      .map((line) => `  ${line}`),
    "",
    `It ${learned(before.ka, after.ka)} and`,
    `${kept(before.zs, after.zs)}.`,
    "KA (knowledge accumulation) is the mean score on the sets of the stream, ZS",
    "(zero-shot retention) on sets it never trains on: a good method raises the",
    "first and holds the second.",
    "",
  ];
}

const sets = (names: readonly string[]): string => `${names.length} ${names.length === 1 ? "set" : "sets"}`;

function show(measurement: Measurement | undefined): string | undefined {
  if (!measurement) return undefined;
  const { value, interval } = measurement;
  const spread = interval ? ` (${(100 * interval[0]).toFixed(1)} to ${(100 * interval[1]).toFixed(1)})` : "";
  return `${(100 * value).toFixed(1)}${spread}`;
}

function learned(before: Measurement | undefined, after: Measurement | undefined): string {
  const move = moved(before, after);
  if (move === undefined) return "was not scored on what it was taught";
  if (move === 0) return "did not measurably learn what it was taught";
  return `${move > 0 ? "learned" : "got worse at"} what it was taught (${points(move)})`;
}

function kept(before: Measurement | undefined, after: Measurement | undefined): string {
  const move = moved(before, after);
  if (move === undefined) return "was not scored on what it knew before";
  if (move === 0) return "kept what it knew before, as far as these sets can tell";
  return `${move > 0 ? "got better at" : "forgot a part of"} what it knew before (${points(move)})`;
}

/** Difference of the values; 0 where one lies in the other's interval, as chance can explain it. */
function moved(before: Measurement | undefined, after: Measurement | undefined): number | undefined {
  if (!before || !after) return undefined;
  const within = ({ interval }: Measurement, value: number): boolean =>
    interval !== undefined && value >= interval[0] && value <= interval[1];
  return within(before, after.value) || within(after, before.value) ? 0 : after.value - before.value;
}

const points = (move: number): string => `${move > 0 ? "+" : "−"}${Math.abs(100 * move).toFixed(1)} points`;

/** What to type next, in lines. */
function whatNext(id: string, command: string): readonly string[] {
  const rows = [
    [`${command} show ${id}`, "every set after every task"],
    [`${command} demo --set optim.lr=1e-3`, "a higher rate: KA and ZS move further"],
    [`${command} init --from FOLDER`, "a run file for your own images"],
    [`${command} resume latest`, "goes on where Ctrl+C stopped a run"],
  ] as const;
  return ["", pc.bold("What to type next"), ...rows.map(([typed, about]) => `  ${typed}\n      ${pc.dim(about)}`)];
}
