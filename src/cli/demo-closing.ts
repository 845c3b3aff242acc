import pc from "picocolors";
import type { Scores } from "../runs/event.ts";
import type { Measurement } from "../runs/measurement.ts";
import { RunReader } from "../runs/run-reader.ts";
import { latestScores, type RunView, viewOf } from "../runs/view.ts";
import { formatDuration } from "../util/units.ts";

/** Says what a finished demo did, before the lines that every run ends with. */
export function tellDemo(folder: string): void {
  const reader = new RunReader(folder);
  process.stderr.write(`${whatHappened(viewOf(reader.events(), reader.plan())).join("\n")}\n`);
}

/** Says what to type after a demo. */
export function tellWhatNext(folder: string): void {
  const id = new RunReader(folder).record().id;
  process.stderr.write(`${whatNext(id, commandName(process.env)).join("\n")}\n`);
}

/** What happened, in lines. */
export function whatHappened(view: RunView): readonly string[] {
  const before = view.evaluations[0]?.scores;
  const after = latestScores(view, "live");
  const took = view.startedT !== undefined && view.lastT !== undefined ? ` in ${formatDuration(view.lastT - view.startedT)}` : "";
  const heading = `${pc.bold("what happened")}  a CLIP model learned ${view.tasks.length} tasks of drawings, ${view.samples.toLocaleString("en")} samples${took}`;
  if (!before || !after) return ["", heading];
  return [
    "",
    heading,
    `  ${pc.bold("KA")} knowledge accumulation, ${sets(after.kaSets)} it was trained on    ${change(before.ka, after.ka)}`,
    `  ${pc.bold("ZS")} zero-shot retention, ${sets(after.zsSets)} it never trains on      ${change(before.zs, after.zs)}`,
    `  ${inWords(before, after)}`,
    `  Both are mean accuracies in per cent with 95 % intervals; plain fine-tuning gains KA and loses ZS. What a method is worth is how little it loses.`,
    "",
  ];
}

const sets = (names: readonly string[]): string => `${names.length} ${names.length === 1 ? "set" : "sets"}`;

function change(before: Measurement | undefined, after: Measurement | undefined): string {
  return `${pc.bold(`${show(before)} → ${show(after)}`)}`;
}

function show(measurement: Measurement | undefined): string {
  if (!measurement) return "–";
  const { value, interval } = measurement;
  const spread = interval ? ` (${(100 * interval[0]).toFixed(1)} to ${(100 * interval[1]).toFixed(1)})` : "";
  return `${(100 * value).toFixed(1)}${spread}`;
}

/** The two moves in one sentence. A move inside the other's interval is called none. */
function inWords(before: Scores, after: Scores): string {
  return `In plain words: it ${learned(before.ka, after.ka)}, and ${kept(before.zs, after.zs)}.`;
}

function learned(before: Measurement | undefined, after: Measurement | undefined): string {
  const move = moved(before, after);
  if (move === undefined) return "was not scored on what it was taught";
  if (move === 0) return "did not measurably learn what it was taught";
  return move > 0 ? `learned what it was taught (${points(move)})` : `got worse at what it was taught (${points(move)})`;
}

function kept(before: Measurement | undefined, after: Measurement | undefined): string {
  const move = moved(before, after);
  if (move === undefined) return "nothing it knew before was scored";
  if (move === 0) return "kept what it knew before, as far as these sets can tell";
  return move > 0 ? `got better at what it knew before (${points(move)})` : `forgot a part of what it knew before (${points(move)})`;
}

/** Difference of the values, 0 where the intervals overlap in both values. */
function moved(before: Measurement | undefined, after: Measurement | undefined): number | undefined {
  if (!before || !after) return undefined;
  const within = ({ interval }: Measurement, value: number): boolean =>
    interval !== undefined && value >= interval[0] && value <= interval[1];
  return within(before, after.value) || within(after, before.value) ? 0 : after.value - before.value;
}

const points = (move: number): string => `${move > 0 ? "+" : "−"}${Math.abs(100 * move).toFixed(1)} points`;

/** What to type next, in lines. */
export function whatNext(id: string, command: string): readonly string[] {
  const rows = [
    [`${command} show ${id}`, "the run: tasks, sets, checkpoints"],
    [`${command} demo --set data.mixture.pretraining=0 --set data.mixture.update=0.67`, "the same without the old data: see ZS fall"],
    [`${command} init --from FOLDER`, "a run file for your own images; then: train"],
  ] as const;
  return ["", pc.bold("try next"), ...rows.map(([typed, about]) => `  ${typed}\n      ${pc.dim(about)}`)];
}

/** How the command is called here: a checkout has it behind npx, an installed package on the path. */
export function commandName(env: Readonly<Record<string, string | undefined>>): string {
  return env.npm_command === undefined && env.npm_lifecycle_event === undefined ? "evergreen" : "npx evergreen";
}
