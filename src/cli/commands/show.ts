import { existsSync } from "node:fs";
import { join } from "node:path";
import { timeMeasures } from "../../pipeline/time-measures.ts";
import { timedRows, timeReading, timeTable } from "../../report/time-matrix.ts";
import { lineageDiagram } from "../../runs/lineage.ts";
import type { RunReader, StoredPlan } from "../../runs/run-reader.ts";
import type { RunRecord } from "../../runs/run-record.ts";
import { type RunView, viewOf } from "../../runs/view.ts";
import { exitCodes } from "../../util/errors.ts";
import { formatBytes, formatDuration } from "../../util/units.ts";
import { parse, storeFlags, wholeNumber } from "../command.ts";
import { lineageOf, lineageTable } from "../lineage-table.ts";
import { formatAge, fromHere, localTime, say, sayFacts, sayJson, sayTable, widthOf } from "../output.ts";
import { openStore } from "../places.ts";
import { ledgerTables, ledgerTotals } from "../run-ledger.ts";
import { foldTable, matrixTable } from "../run-matrix.ts";
import { stateOf } from "../run-summary.ts";

export const usage = {
  synopsis: "show RUN [--intervals] [--samples | --lineage]",
  about:
    "What a run is and did: plan, tasks, progress, the matrix of sets by tasks, where its files are. RUN is an id, the end of one, latest, or a folder.",
  flags: {
    ...storeFlags,
    intervals: { type: "boolean", help: "half the width of each 95 % interval beside the number" },
    samples: { type: "boolean", help: "what was drawn instead: by source, by concept, by pass" },
    lineage: { type: "boolean", help: "how its weights came about instead: of which others, and of which samples" },
    mermaid: { type: "boolean", help: "with --lineage: the graph in Mermaid's language" },
    top: { type: "string", value: "N", help: "concepts that --samples lists (20)" },
  },
  arguments: [1, 1],
  takesRun: true,
} as const;

/** `evergreen show`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const top = flags.top === undefined ? 20 : wholeNumber("top", flags.top);
  const reader = openStore(flags.runs).find(rest[0] ?? "", flags.project);
  if (flags.samples) {
    const totals = ledgerTotals(reader.ledger());
    if (flags.json) sayJson(totals);
    else sayInTurn(ledgerTables(totals, top).map((table) => () => sayTable(table)));
    return exitCodes.done;
  }
  if (flags.lineage || flags.mermaid) {
    const graph = lineageOf(reader);
    if (flags.mermaid) process.stdout.write(lineageDiagram(graph));
    else if (flags.json) sayJson(graph);
    else sayTable(lineageTable(graph));
    return exitCodes.done;
  }
  const plan = reader.plan();
  const view = viewOf(reader.events(), plan);
  if (flags.json) sayJson(jsonOf(reader, plan, view));
  else tell(reader, { plan, view, intervals: flags.intervals === true });
  return exitCodes.done;
}

/** Curves are in metrics.jsonl; here they would be most of the text. */
function jsonOf(reader: RunReader, plan: StoredPlan, view: RunView): unknown {
  const { curves: _, ...rest } = view;
  const record = reader.record();
  return { ...record, state: stateOf(reader, record), folder: reader.folder, plan, view: rest };
}

interface Told {
  readonly plan: StoredPlan;
  readonly view: RunView;
  readonly intervals: boolean;
}

function tell(reader: RunReader, { plan, view, intervals }: Told): void {
  sayInTurn([
    () => sayFacts(factsOf(reader, plan, view)),
    () => sayTable(taskTable(plan, view)),
    ...(view.evaluations.length === 0
      ? []
      : foldTable(matrixTable(view, intervals), 3, tableWidth()).map((piece) => () => sayTable(piece))),
    ...(timedRows(view).length === 0
      ? []
      : [
          ...foldTable(timeTable(view, intervals), 1, tableWidth()).map((piece) => () => sayTable(piece)),
          () => say(timeReading(view, timeMeasures(view))),
        ]),
    () => sayFacts(placesOf(reader)),
  ]);
}

const tableWidth = (): number => (process.stdout.isTTY ? widthOf(process.stdout, 120) : Number.POSITIVE_INFINITY);

/** A blank line between two parts. */
function sayInTurn(parts: readonly (() => void)[]): void {
  parts.forEach((part, i) => {
    if (i > 0) say();
    part();
  });
}

type Facts = Parameters<typeof sayFacts>[0];

function factsOf(reader: RunReader, plan: StoredPlan, view: RunView): Facts {
  const record = reader.record();
  const { model, sources, engine } = plan;
  const rows = plan.tasks[0]?.phases[0]?.rows;
  const count = (value: number): string => value.toLocaleString("en-US");
  const setsOf = (use: StoredPlan["sources"][number]["uses"][number]): string | undefined => {
    const names = sources.filter(({ uses }) => uses.includes(use)).map(({ name }) => name);
    return names.length > 0 ? `${names.length > 1 ? `${names.length}: ` : ""}${names.join(", ")}` : undefined;
  };
  const { speed } = view;
  return [
    ["run", record.id],
    ["project", record.project],
    ["state", stateLine(reader, record)],
    ["started", `${localTime(Date.parse(record.created))}, ${formatAge(Date.now() - Date.parse(record.created))} ago`],
    [
      "model",
      `${model.arch}, ${count(model.parameters)} parameters${model.trainable === model.parameters ? "" : `, ${count(model.trainable)} of them learn`}, from ${model.digest.slice(0, 12)}`,
    ],
    ["streamed", setsOf("update")],
    ["pretraining", setsOf("pretraining")],
    ["evaluated", setsOf("evaluation")],
    ["batch", rows && `${rows.update + rows.buffer + rows.pretraining} rows`],
    ["progress", `${count(view.step)} of ${count(view.steps)} steps, ${count(view.samples)} samples`],
    ["speed", speed && `${Math.round(speed.samplesPerSecond)} samples/s, ${(100 * speed.dataShare).toFixed(1)} % waiting for data`],
    ["engine", `libtorch ${engine.libtorch}, ${engine.threads} threads, ${engine.instructions}`],
    ...view.notes.slice(-5).map((note) => [note.kind, `${note.code ? `${note.code}: ` : ""}${note.text}`] as const),
  ];
}

function stateLine(reader: RunReader, record: RunRecord): string {
  const state = stateOf(reader, record);
  const last = record.attempts.at(-1);
  const attempts = record.attempts.length > 1 ? `, attempt ${record.attempts.length}` : "";
  const took = last?.ended ? `, took ${formatDuration(Date.parse(last.ended) - Date.parse(last.started))}` : "";
  const next = state === "died" || state === "preempted" || state === "failed" ? `; go on with: evergreen resume ${record.id}` : "";
  return `${state}${record.exit === undefined ? "" : ` (exit ${record.exit})`}${attempts}${took}${next}`;
}

/** What each task is and did, with a line for each phase of its mixture. */
function taskTable(plan: StoredPlan, view: RunView): Parameters<typeof sayTable>[0] {
  const right = { align: "right" } as const;
  return {
    columns: [
      { title: "task", ...right },
      { title: "name" },
      { title: "concepts", ...right },
      { title: "samples", ...right },
      { title: "steps", ...right },
      { title: "state" },
      { title: "from step", ...right },
      { title: "update", ...right },
      { title: "buffer", ...right },
      { title: "pretraining", ...right },
    ],
    rows: plan.tasks.flatMap(({ index, name, concepts, samples, steps, phases }) => {
      const task = view.tasks[index];
      const whole = [index + 1, name ?? "", concepts.length, samples, `${task?.done ?? 0}/${steps}`, task?.state ?? "waiting"];
      return phases.map(({ from, rows: { update, buffer, pretraining } }, phase) => [
        ...(phase === 0 ? whole : ["", "", "", "", "", ""]),
        ...[from + 1, update, buffer, pretraining],
      ]);
    }),
  };
}

function placesOf(reader: RunReader): Facts {
  const { folder } = reader;
  const place = fromHere(folder);
  const [newest] = reader.checkpoints();
  const good = newest && !("reason" in newest) ? newest : undefined;
  const at = (file: string): string | undefined => (existsSync(join(folder, file)) ? join(place, file) : undefined);
  return [
    ["folder", place],
    ["config", at("config.yaml")],
    [
      "checkpoint",
      newest && (good ? `${join(place, "checkpoints", good.name)} (${formatBytes(good.bytes)})` : `${newest.name}: not usable`),
    ],
    ["results", at("eval/results.jsonl")],
    ["report", at("report.html")],
  ];
}
