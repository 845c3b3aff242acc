import { differenceOf } from "../streams/outline.ts";
import { parse, wholeNumber } from "./command.ts";
import { say, sayJson, sayTable } from "./output.ts";
import { readOutline } from "./stream-show.ts";

export const usage = {
  synopsis: "stream diff A B [--tasks N] [--json]",
  about: "What became of stream A in stream B: concepts that are new, gone, or in another task.",
  flags: { tasks: { type: "string", value: "N", help: "tasks to cut published files into, default 20" } },
  arguments: [2, 2],
} as const;

/** `evergreen stream diff`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags, rest } = parsed;
  const tasks = flags.tasks === undefined ? 20 : wholeNumber("tasks", flags.tasks);
  const found = differenceOf(readOutline(rest[0] ?? "", tasks), readOutline(rest[1] ?? "", tasks));
  if (flags.json) {
    sayJson(found);
    return 0;
  }
  const rows = [
    ...found.added.map((id) => ["new", id, undefined, undefined]),
    ...found.removed.map((id) => ["gone", id, undefined, undefined]),
    ...found.moved.map(({ id, from, to }) => ["moved", id, from, to]),
  ];
  if (rows.length > 0)
    sayTable({
      columns: [{ title: "what" }, { title: "concept" }, { title: "task before", align: "right" }, { title: "task after", align: "right" }],
      rows,
    });
  else say(found.reordered ? "the same concepts in every task, in another order" : "no difference");
  return 0;
}
