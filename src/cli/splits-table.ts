import type { Table } from "../report/table.ts";
import type { SplitScores } from "../runs/event.ts";
import { formatShare } from "./output.ts";

const right = { align: "right" } as const;

/** One model on the tests of a stream in time: a line a task, the sets held out last. */
export function splitsTable({ dynamic, static: still }: SplitScores): Table {
  const named = [...dynamic.map((found, task) => ({ name: `task ${task + 1}`, found })), { name: "static", found: still }];
  return {
    columns: [{ title: "tests of" }, { title: "%", ...right }, { title: "n", ...right }],
    rows: named.map(({ name, found }) => [name, formatShare(found ?? undefined, true), found?.samples]),
  };
}
