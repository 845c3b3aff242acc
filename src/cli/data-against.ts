import type { DataSource } from "../data/source.ts";
import { borderlineWidth, type ContaminationReport, contaminationKinds, findContamination } from "../pipeline/contamination.ts";
import type { Similar, SimilarOptions, withSimilar } from "../pipeline/semantic-contamination.ts";
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
  /** Look for what means the same to a model too. */
  readonly semantic?: { readonly model: string; readonly threshold: number };
}

/** Looks for the test items of the sets named by `against` among the training samples of `path`, and gives the exit code. */
export async function checkAgainst({ path, against, strict, json, quiet, out, semantic }: Asked): Promise<number> {
  const trained = (await openAll(splitReferences([path]))).filter((set) => set.records("train").length > 0);
  const tested = (await openAll(splitReferences(against))).filter((set) => set.records("test").length > 0);
  if (trained.length === 0) throw new UsageError(`${path}: no set there has training samples`, "name what is trained on first");
  if (tested.length === 0)
    throw new UsageError(`--against ${against.join(",")}: no set there has a test split`, "name evaluation sets, as mini-flux:eval");
  const line = new ProgressLine(terminalStage());
  const progress = (done: number, total: number): void => line.show("reading pictures", { done, total, unit: "images" });
  const exact = await findContamination(tested, trained, quiet || json ? {} : { progress });
  const embedded = (done: number, total: number): void => line.show("embedding pictures", { done, total, unit: "images" });
  const similar =
    semantic && (await findBySemantics(exact, { tested, trained }, { ...semantic, ...(quiet || json ? {} : { progress: embedded }) }));
  line.end();
  const { report = exact, borderline = [] } = similar ?? {};
  const problems = [...problemsIn(report), ...borderlineIn(borderline)];
  if (out !== undefined) writeOutput(out, [`${tsvTable(problemTable(problems))}\n`]);
  if (json) sayJson(semantic ? { ...report, semantic: { ...semantic, borderline } } : report);
  else sayTable(countsTable(report, new Map(tested.map((set) => [set.name, set.records("test").length])), semantic !== undefined));
  const lines = [...firstProblems(problems, out), ...counts(report), ...(semantic ? [semanticLine(semantic, report, borderline)] : [])];
  if (!json && !quiet) for (const told of lines) aside(told);
  return strict && report.found.length > 0 ? exitCodes.data : exitCodes.done;
}

async function findBySemantics(
  exact: ContaminationReport,
  { tested, trained }: { readonly tested: readonly DataSource[]; readonly trained: readonly DataSource[] },
  { model, threshold, progress }: { readonly model: string; readonly threshold: number; readonly progress?: SimilarOptions["progress"] },
): Promise<ReturnType<typeof withSimilar>> {
  const { findModelFile } = await import("./model-reference.ts");
  const { loadForUse } = await import("../pipeline/encode.ts");
  const { findSimilar, withSimilar } = await import("../pipeline/semantic-contamination.ts");
  const loaded = await loadForUse(findModelFile(model, undefined), { env: process.env });
  const unreadable = new Set(exact.unreadable);
  const options = { threshold, unreadable, precision: "fp32", batchSize: 128, ...(progress ? { progress } : {}) } as const;
  return withSimilar(exact, await findSimilar(tested, trained, loaded, options), threshold);
}

/** Test items found, one line a test set and training set, one column a kind; what means the same where it was looked for. */
export function countsTable({ found }: ContaminationReport, sizes: ReadonlyMap<string, number>, isSemantic = false): Table {
  const kinds = contaminationKinds.filter((kind) => kind !== "semantic" || isSemantic);
  const pairs = [...new Set(found.map(({ set, pool }) => `${set}\n${pool}`))].sort().map((pair) => pair.split("\n"));
  const right = { align: "right" } as const;
  return {
    columns: [{ title: "test set" }, { title: "items", ...right }, { title: "found in" }, ...kinds.map((title) => ({ title, ...right }))],
    rows: pairs.map(([set = "", pool = ""]) => [
      set,
      sizes.get(set),
      pool,
      ...kinds.map((kind) => found.filter((each) => each.set === set && each.pool === pool && each.kind === kind).length),
    ]),
  };
}

/** Each find as a line of the list of problems. */
export const problemsIn = ({ found }: ContaminationReport): readonly Problem[] =>
  found.map(({ set, kind, item, pool, sample, similarity }) => ({
    ...{ set, problem: `contaminated-${kind}`, item },
    detail: `${sample} of ${pool}${cosineText(similarity)}`,
  }));

/** Pairs just below the threshold, the nearest first: a person may look at them, and no score is without them. */
export const borderlineIn = (similar: readonly Similar[]): readonly Problem[] =>
  similar.map(({ set, item, pool, sample, similarity }) => ({
    ...{ set, problem: "borderline-semantic", item },
    detail: `${sample} of ${pool}${cosineText(similarity)}`,
  }));

const cosineText = (similarity: number | undefined): string => (similarity === undefined ? "" : `, cosine ${similarity.toFixed(4)}`);

function semanticLine(
  { model, threshold }: NonNullable<Asked["semantic"]>,
  { found }: ContaminationReport,
  borderline: readonly Similar[],
): string {
  const pairs = found.filter(({ kind }) => kind === "semantic").length;
  return `by ${model}: ${counted(pairs, "pair")} of cosine ${threshold} and more, ${counted(borderline.length, "borderline pair")} from ${Number((threshold - borderlineWidth).toFixed(9))} on, listed and not counted`;
}

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
