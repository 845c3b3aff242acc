import { budgetFigure } from "./budget-figure.ts";
import type { ReportContent, SamplePicture } from "./content.ts";
import { mainEvaluations, withoutPaths } from "./content.ts";
import type { Figure } from "./drawing.ts";
import { factSections } from "./facts.ts";
import { lossFigure, rateFigure } from "./loss-figure.ts";
import { groupedSets, matrixFigure } from "./matrix-figure.ts";
import { mixtureFigure } from "./mixture-figure.ts";
import { points, pointsWithInterval, score, withInterval } from "./numbers.ts";
import { planeFigure } from "./plane-figure.ts";
import { scoresFigure, scoresReading } from "./scores-figure.ts";
import { stabilityFigure } from "./stability-figure.ts";
import type { Table } from "./table.ts";
import { timeMatrixFigure } from "./time-matrix-figure.ts";

/** A piece of a report, told apart from how it looks. */
export type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "table"; readonly caption: string; readonly table: Table }
  | { readonly kind: "code"; readonly name: string; readonly text: string }
  | { readonly kind: "figure"; readonly figure: Figure }
  | { readonly kind: "pictures"; readonly title: string; readonly pictures: readonly SamplePicture[] };

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly parts: readonly Part[];
}

/** A report before it is Markdown or HTML. */
export interface ReportDocument {
  readonly title: string;
  readonly subtitle: string;
  readonly sections: readonly Section[];
}

/** The figures of a document, in its order. */
export const figuresOf = ({ sections }: ReportDocument): readonly Figure[] =>
  sections.flatMap(({ parts }) => parts.flatMap((part) => (part.kind === "figure" ? [part.figure] : [])));

/** All figures that a run's numbers allow. */
export function reportFigures(content: ReportContent): readonly Figure[] {
  return [
    scoresFigure,
    planeFigure,
    matrixFigure,
    timeMatrixFigure,
    stabilityFigure,
    budgetFigure,
    mixtureFigure,
    lossFigure,
    rateFigure,
  ].flatMap((make) => make(content) ?? []);
}

/** The report of a run. Pure: the same content gives the same document. */
export function reportDocument(content: ReportContent): ReportDocument {
  const { run } = content;
  const facts = factSections(content);
  const figures = reportFigures(content).map(
    (figure): Section => ({ id: figure.id, title: figure.title, parts: [{ kind: "figure", figure }] }),
  );
  return {
    title: run.name,
    subtitle: `Run ${run.id} of project ${run.project}, ${content.view.state === "new" ? run.state : content.view.state}; made ${day(run.created)}`,
    sections: [
      summary(content),
      ...figures.filter(({ id }) => !courses.includes(id)),
      ...setScores(content),
      ...transferPart(content),
      ...figures.filter(({ id }) => courses.includes(id)),
      facts.what,
      ...samples(content),
      facts.skipped,
      facts.licences,
      facts.reproduce,
    ],
  };
}

/** Figures of the training itself come after what it led to. */
const courses: readonly string[] = ["budget", "mixture", "loss", "learning-rate"];

const day = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;

function summary({ view, changes }: ReportContent): Section {
  const rows = mainEvaluations(view).filter(({ scores }) => scores);
  const [first, last] = [rows[0]?.scores, rows.at(-1)?.scores];
  const id = "summary";
  const title = "In short";
  if (!first || !last) {
    const text = `${view.step} of ${view.steps} steps were made on ${view.tasks.length} ${view.tasks.length === 1 ? "task" : "tasks"}; no data set was scored.`;
    return { id, title, parts: [{ kind: "text", text }] };
  }
  const names = { ka: "knowledge (KA)", zs: "zero-shot retention (ZS)", gm: "geometric mean (GM)" } as const;
  const table: Table = {
    columns: [
      { title: "score" },
      { title: "sets", align: "right" },
      { title: "before", align: "right" },
      { title: "after", align: "right" },
      { title: "change", align: "right" },
    ],
    rows: (["ka", "zs", "gm"] as const).flatMap((key) => {
      const [before, after] = [first[key], last[key]];
      if (!before && !after) return [];
      const sets = key === "ka" ? last.kaSets.length : key === "zs" ? last.zsSets.length : last.kaSets.length + last.zsSets.length;
      const paired = key === "gm" ? undefined : changes?.[key];
      return [[names[key], sets, withInterval(before), withInterval(after), changeCell(before?.value, after?.value, paired?.interval)]];
    }),
  };
  return {
    id,
    title,
    parts: [
      { kind: "text", text: scoresReading(rows, changes) },
      { kind: "table", caption: "Scores in per cent with 95 % intervals; changes in points, over the same items", table },
    ],
  };
}

function changeCell(
  before: number | undefined,
  after: number | undefined,
  interval: readonly [number, number] | undefined,
): string | undefined {
  if (before === undefined || after === undefined) return undefined;
  return pointsWithInterval({ value: after - before, ...(interval ? { interval } : {}) });
}

function setScores(content: ReportContent): readonly Section[] {
  const rows = mainEvaluations(content.view).filter(({ cells }) => Object.keys(cells).length > 0);
  const [first, last] = [rows[0], rows.at(-1)];
  if (!first || !last) return [];
  const table: Table = {
    columns: [
      { title: "set" },
      { title: "group" },
      { title: "metric" },
      { title: "items", align: "right" },
      { title: "before", align: "right" },
      { title: "after", align: "right" },
      { title: "change", align: "right" },
    ],
    rows: groupedSets(content).map(({ name, group, metric }) => {
      const [before, after] = [first.cells[name]?.headline, last.cells[name]?.headline];
      const change = before && after && first !== last ? points(after.value - before.value) : undefined;
      return [name, group, metric, (after ?? before)?.samples, withInterval(before), withInterval(after), change];
    }),
  };
  const caption = "Score of each set before and after the run, in per cent with 95 % intervals";
  return [{ id: "sets", title: "Each set before and after", parts: [{ kind: "table", caption, table }] }];
}

const transferNames = {
  backward: ["backward transfer", "last score minus score when learned, mean over sets learned before the last task"],
  forward: ["forward transfer", "score just before learning minus score at the start, mean over sets learned after the first task"],
  forgetting: ["forgetting", "best score minus last score, mean over sets learned before the last task"],
} as const;

function transferPart({ transfer }: ReportContent): readonly Section[] {
  const rows = (["backward", "forward", "forgetting"] as const).flatMap((key) => {
    const value = transfer?.[key];
    return value === undefined ? [] : [[transferNames[key][0], `${points(value)} points`, transferNames[key][1]]];
  });
  const retention = transfer?.retention;
  const kept =
    retention === undefined
      ? []
      : [["retention", `${score(retention)} %`, "last score as a share of the score at the start, mean over sets never trained on"]];
  if (rows.length + kept.length === 0) return [];
  const table: Table = {
    columns: [{ title: "measure" }, { title: "value", align: "right" }, { title: "what it is" }],
    rows: [...rows, ...kept],
  };
  const caption = "Measures over the matrix of tasks and data sets; a set counts as learned at the last task that holds a part of it";
  return [{ id: "transfer", title: "Transfer and forgetting", parts: [{ kind: "table", caption, table }] }];
}

function samples({ samples: given, view, folders }: ReportContent): readonly Section[] {
  const parts = (given ?? []).flatMap(({ task, pictures }): Part[] => {
    const shown = pictures.filter(({ address }) => /^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+$/.test(address));
    const clean = shown.map((picture) => ({ ...picture, caption: withoutPaths(picture.caption, folders) }));
    const name = view.tasks[task]?.name;
    const title = `Task ${task + 1}${name === undefined ? "" : `: ${name}`}`;
    return shown.length === 0 ? [] : [{ kind: "pictures", title, pictures: clean }];
  });
  const text = "A few training samples of each task, each with a caption it is trained with and whose work it is.";
  return parts.length === 0 ? [] : [{ id: "samples", title: "What the tasks look like", parts: [{ kind: "text", text }, ...parts] }];
}
