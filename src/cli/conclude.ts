import { join } from "node:path";
import { percent } from "../report/table.ts";
import { RunReader } from "../runs/run-reader.ts";
import { latestScores, viewOf } from "../runs/view.ts";

/** The last lines of a finished run: what happened, where things are, what to type next. */
export async function concludeRun(folder: string, json: boolean): Promise<void> {
  if (json) return;
  const reader = new RunReader(folder);
  const view = viewOf(reader.events(), reader.plan());
  const scores = latestScores(view, "live");
  const before = view.evaluations[0]?.scores;
  const { id } = reader.record();
  const checkpoint = view.saves.at(-1)?.checkpoint;
  const lines = [
    ...(scores
      ? [`score    knowledge ${move(before?.ka?.value, scores.ka?.value)}   zero-shot ${move(before?.zs?.value, scores.zs?.value)}`]
      : []),
    ...(checkpoint ? [`model    ${join(folder, "checkpoints", checkpoint, "model.safetensors")}`] : []),
    `next     evergreen show ${id}`,
  ];
  process.stderr.write(`${lines.join("\n")}\n`);
}

const move = (before: number | undefined, after: number | undefined): string => `${percent(before) ?? "–"} → ${percent(after) ?? "–"} %`;
