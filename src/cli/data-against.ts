import { type ContaminationReport, contaminationKinds, findContamination } from "../pipeline/contamination.ts";
import { type Table, tsvTable } from "../report/table.ts";
import { exitCodes, UsageError } from "../util/errors.ts";
import { ProgressLine, terminalStage } from "./data-progress.ts";
import { openAll } from "./open-suite.ts";
import { aside, counted, sayJson, sayTable } from "./output.ts";
import { writeOutput } from "./output-file.ts";
import { firstProblems, type Problem, problemTable } from "./problem-list.ts";
import { splitReferences } from "./references.ts";

/** What is asked of a comparison of training data with test items. */
interface Asked {
  readonly path: string;
  readonly against: readonly string[];
  readonly strict: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly out: string | undefined;
}

/** Looks for the test items of the sets named by `against` among the training samples of `path`, and gives the exit code. */
export async function checkAgainst({ path, against, strict, json, quiet, out }: Asked): Promise<number> {
  const trained = (await openAll(splitReferences([path]))).filter((set) => set.records("train").length > 0);
  const tested = (await openAll(splitReferences(against))).filter((set) => set.records("test").length > 0);
  if (trained.length === 0) throw new UsageError(`${path}: no set there has training samples`, "name what is trained on first");
  if (tested.length === 0)
    throw new UsageError(`--against ${against.join(",")}: no set there has a test split`, "name evaluation sets, as mini-flux:eval");
  const line = new ProgressLine(terminalStage());
  const progress = (done: number, total: number): void => line.show("reading pictures", { done, total, unit: "images" });
  const report = await findContamination(tested, trained, quiet || json ? {} : { progress });
  line.end();
  const problems = problemsIn(report);
  if (out !== undefined) writeOutput(out, [`${tsvTable(problemTable(problems))}\n`]);
  if (json) sayJson(report);
  else sayTable(countsTable(report, new Map(tested.map((set) => [set.name, set.records("test").length]))));
  if (!json && !quiet) for (const told of [...firstProblems(problems, out), ...counts(report)]) aside(told);
  return strict && report.found.length > 0 ? exitCodes.data : exitCodes.done;
}

/** Test items found, one line a test set and training set, one column a kind. */
export function countsTable({ found }: ContaminationReport, sizes: ReadonlyMap<string, number>): Table {
  const pairs = [...new Set(found.map(({ set, pool }) => `${set}\n${pool}`))].sort().map((pair) => pair.split("\n"));
  const right = { align: "right" } as const;
  return {
    columns: [
      { title: "test set" },
      { title: "items", ...right },
      { title: "found in" },
      ...contaminationKinds.map((title) => ({ title, ...right })),
    ],
    rows: pairs.map(([set = "", pool = ""]) => [
      set,
      sizes.get(set),
      pool,
      ...contaminationKinds.map((kind) => found.filter((each) => each.set === set && each.pool === pool && each.kind === kind).length),
    ]),
  };
}

/** Each find as a line of the list of problems. */
export const problemsIn = ({ found }: ContaminationReport): readonly Problem[] =>
  found.map(({ set, kind, item, pool, sample }) => ({ set, problem: `contaminated-${kind}`, item, detail: `${sample} of ${pool}` }));

function counts({ found, tested, trained, unreadable }: ContaminationReport): readonly string[] {
  const pictures = new Set(found.flatMap(({ kind, item }) => (kind === "caption" ? [] : [item]))).size;
  const captions = new Set(found.flatMap(({ kind, item }) => (kind === "caption" ? [item] : []))).size;
  return [
    `${counted(tested, "test item")} looked for among ${counted(trained, "training sample")}: ${counted(pictures, "picture")} and ${counted(captions, "caption")} found`,
    ...(unreadable.length > 0
      ? [`${counted(unreadable.length, "picture")} could not be read and ${unreadable.length === 1 ? "was" : "were"} not compared`]
      : []),
  ];
}
