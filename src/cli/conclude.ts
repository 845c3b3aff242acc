import { join } from "node:path";
import { percent } from "../report/table.ts";
import { RunReader } from "../runs/run-reader.ts";
import { latestScores, viewOf } from "../runs/view.ts";
import { commandName } from "./output.ts";

/** What of a run's last lines is told: all, where things are (a demo says the rest at more length), or nothing. */
export type Closing = "all" | "places" | "nothing";

/** Writes a finished run's report and tells its last lines: what happened, where things are, what to type next. */
export async function concludeRun(folder: string, closing: Closing): Promise<void> {
  const reader = new RunReader(folder);
  const report = await reportLine(reader);
  if (closing === "nothing") return;
  const view = viewOf(reader.events(), reader.plan());
  const scores = latestScores(view, "live");
  const before = view.evaluations[0]?.scores;
  const { id } = reader.record();
  const checkpoint = view.saves.at(-1)?.checkpoint;
  const lines = [
    ...(scores && closing === "all"
      ? [`score    knowledge ${move(before?.ka?.value, scores.ka?.value)}   zero-shot ${move(before?.zs?.value, scores.zs?.value)}`]
      : []),
    ...(checkpoint ? [`model    ${join(folder, "checkpoints", checkpoint, "model.safetensors")}`] : []),
    report,
    ...(closing === "all" ? [`next     ${commandName(process.env)} show ${id}`] : []),
  ];
  process.stderr.write(`${lines.join("\n")}\n`);
}

/** Loads what writes a report, while this process waits for the last of a run; not before, as it holds some 100 MB. */
export function prepareReport(): void {
  // Whatever fails here fails again, and is told, when the report is written.
  import("./write-report.ts").catch(() => undefined);
}

/** A run that is done stays done when its report cannot be written: the line says why, and how to write it later. */
async function reportLine(reader: RunReader): Promise<string> {
  try {
    const { writeReport } = await import("./write-report.ts");
    return `report   ${(await writeReport(reader)).html}`;
  } catch (error) {
    return `report   not written: ${error instanceof Error ? error.message : String(error)}; write it with: evergreen report ${reader.record().id}`;
  }
}

const move = (before: number | undefined, after: number | undefined): string => `${percent(before) ?? "–"} → ${percent(after) ?? "–"} %`;
