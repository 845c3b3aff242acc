import type { TrainerTask } from "../launch/messages.ts";
import { supervise } from "../launch/supervisor.ts";
import { exitCodes } from "../util/errors.ts";
import { prepareReport } from "./conclude.ts";
import { Story } from "./story.ts";

/** How a run's end is to be told. */
export interface Telling {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Called with the run folder when the run was finished. */
  readonly finished?: (folder: string) => Promise<void>;
}

/** Runs a trainer under supervision, tells its story on stderr and gives the exit code. With `json`, events go to stdout, one a line. */
export async function superviseAndTell(task: TrainerTask, telling: Telling): Promise<number> {
  const story = new Story({
    write: (text) => {
      if (!telling.json && !telling.quiet) process.stderr.write(text);
    },
    isTerminal: process.stderr.isTTY === true && process.env.TERM !== "dumb",
    columns: process.stderr.columns ?? 120,
    now: () => performance.now(),
  });
  let folder = "";
  let tasks = 0;
  const { exit, failure } = await supervise(task, {
    hear: (message) => {
      if (message.kind === "folder") folder = message.folder;
      if (message.kind === "plan") tasks = message.tasks.length;
      const isNearlyOver = message.kind === "event" && message.event.type === "task-ended" && message.event.task === tasks - 1;
      if (isNearlyOver && telling.finished) prepareReport();
      if (telling.json && message.kind === "event") process.stdout.write(`${JSON.stringify(message.event)}\n`);
      story.hear(message);
    },
    stopping: (signal) => story.line(`${signal}: stopping after this step, then saving … once more ends it at once`),
    aside: (text) => story.line(text.trimEnd()),
  });
  const id = folder.split(/[/\\]/).at(-1) ?? "";
  if (failure) {
    if (telling.json) process.stdout.write(`${JSON.stringify({ error: { ...failure, text: undefined } })}\n`);
    else process.stderr.write(`${failure.text}\n`);
  } else if (exit === exitCodes.stopped) story.line(`go on with: evergreen resume ${id}`);
  else if (exit === exitCodes.done && telling.finished) await telling.finished(folder);
  return exit;
}
