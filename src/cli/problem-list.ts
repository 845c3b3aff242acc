import type { ContaminationKind } from "../pipeline/contamination.ts";
import { type Table, textTable } from "../report/table.ts";
import { counted } from "./output.ts";

/** A line of problems.tsv, which `eval --without` reads. */
export interface Problem {
  readonly set: string;
  readonly problem:
    | "unreadable"
    | "duplicate"
    | "misnamed"
    | "long-caption"
    | "left-out"
    | `contaminated-${ContaminationKind}`
    | "borderline-semantic";
  readonly item: string;
  readonly detail: string;
}

/** Every problem, a line each. */
export const problemTable = (problems: readonly Problem[]): Table => ({
  columns: [{ title: "set" }, { title: "problem" }, { title: "item" }, { title: "detail" }],
  rows: problems.map(({ set, problem, item, detail }) => [set, problem, item, detail]),
});

const few = 10;

/** The first problems and how many more there are; the file that has all of them, where one was written. */
export function firstProblems(problems: readonly Problem[], out: string | undefined): readonly string[] {
  if (out !== undefined) return [`${counted(problems.length, "problem")} written to ${out}`];
  return [
    ...(problems.length > 0 ? [textTable(problemTable(problems.slice(0, few)))] : []),
    ...(problems.length > few ? [`and ${problems.length - few} more; --out problems.tsv writes all of them`] : []),
  ];
}
