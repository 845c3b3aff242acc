import { exitCodes } from "../../util/errors.ts";
import { parse, storeFlags } from "../command.ts";
import { aside, formatAge, formatShare, fromHere, sayJson, sayTable } from "../output.ts";
import { openStore } from "../places.ts";
import { type RunSummary, summaryOf } from "../run-summary.ts";

export const usage = {
  synopsis: "ls [--project NAME]",
  about: "Lists runs, newest first: state, how far they are, knowledge accumulation (KA) and zero-shot retention (ZS) in per cent.",
  flags: storeFlags,
} as const;

/** `evergreen ls`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags } = parsed;
  const store = openStore(flags.runs);
  const { runs, unreadable } = store.list(flags.project);
  const summaries: RunSummary[] = [];
  const unread = unreadable.map(({ folder, reason }) => `${fromHere(folder)}: ${reason}`);
  for (const reader of runs) {
    try {
      summaries.push(summaryOf(reader));
    } catch (error) {
      unread.push(`${fromHere(reader.folder)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (flags.json) sayJson(summaries);
  else if (summaries.length > 0 || !process.stdout.isTTY) sayTable(tableOf(summaries));
  if (flags.quiet) return exitCodes.done;
  for (const line of unread) aside(`not readable: ${line}`);
  if (summaries.length === 0 && unread.length === 0)
    aside(`no runs in ${fromHere(store.root)}${flags.project ? `, project ${flags.project}` : ""}; start one: evergreen train`);
  const died = summaries.find(({ state }) => state === "died");
  if (died) aside(`died: the process is gone; go on with: evergreen resume ${died.id}`);
  return exitCodes.done;
}

function tableOf(summaries: readonly RunSummary[]): Parameters<typeof sayTable>[0] {
  const now = Date.now();
  const right = { align: "right" } as const;
  return {
    columns: [
      { title: "run" },
      { title: "project" },
      { title: "state" },
      { title: "task", ...right },
      { title: "steps", ...right },
      { title: "KA", ...right },
      { title: "ZS", ...right },
      { title: "age", ...right },
    ],
    rows: summaries.map(({ id, project, state, task, tasks, step, steps, ka, zs, created }) => [
      id,
      project,
      state,
      `${task}/${tasks}`,
      `${step}/${steps}`,
      formatShare(ka, false),
      formatShare(zs, false),
      formatAge(now - Date.parse(created)),
    ]),
  };
}
