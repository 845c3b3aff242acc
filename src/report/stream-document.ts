import type { SamplePicture } from "./content.ts";
import { count } from "./numbers.ts";
import type { Part, ReportDocument, Section } from "./report-document.ts";
import { type DrawnConcept, type DrawnTask, streamFigures } from "./stream-figure.ts";
import type { Cell, Table } from "./table.ts";

/** A concept of a stream as its page tells it. */
interface ShownConcept extends DrawnConcept {
  readonly name: string;
}

export interface ShownTask extends DrawnTask {
  readonly concepts: readonly ShownConcept[];
  /** Test samples of its concepts. */
  readonly tests?: number;
  readonly pictures: readonly SamplePicture[];
}

/** All that the page of a stream says, read already. */
export interface StreamContent {
  readonly title: string;
  /** What is known of the whole, in order. */
  readonly facts: readonly (readonly [name: string, value: string | number])[];
  readonly tasks: readonly ShownTask[];
  readonly licences: readonly { readonly set: string; readonly lines: readonly string[] }[];
  /** What could not be had, a sentence each. */
  readonly missing: readonly string[];
}

/** Concepts of a task that are named. */
const named = 60;

/** The page of a stream. Pure: the same content gives the same document. */
export function streamDocument(content: StreamContent): ReportDocument {
  const { title, tasks, facts } = content;
  const concepts = tasks.reduce((sum, task) => sum + task.concepts.length, 0);
  const figures = streamFigures(tasks).map(
    (figure): Section => ({ id: figure.id, title: figure.title, parts: [{ kind: "figure", figure }] }),
  );
  const summary: Table = { columns: [{ title: "what" }, { title: "value" }], rows: facts };
  return {
    title,
    subtitle: `A stream of ${count(concepts)} concepts in ${count(tasks.length)} ${tasks.length === 1 ? "task" : "tasks"}`,
    sections: [
      { id: "summary", title: "In short", parts: [{ kind: "table", caption: "The whole stream", table: summary }] },
      ...figures,
      {
        id: "tasks",
        title: "The tasks in their order",
        parts: [{ kind: "table", caption: "What arrives with each task", table: taskTable(tasks) }],
      },
      ...pictures(tasks),
      ...licences(content),
      ...missing(content),
    ],
  };
}

function taskTable(tasks: readonly ShownTask[]): Table {
  const tested = tasks.some(({ tests }) => tests !== undefined);
  return {
    columns: [
      { title: "task" },
      { title: "name" },
      ...(tested ? [{ title: "test samples", align: "right" } as const] : []),
      { title: "concepts by data set" },
      { title: "concepts" },
    ],
    rows: tasks.map(({ name, tests, concepts }, i): readonly Cell[] => [
      i + 1,
      name ?? "",
      ...(tested ? [tests] : []),
      bySet(concepts),
      `${concepts
        .slice(0, named)
        .map((concept) => concept.name)
        .join(", ")}${concepts.length > named ? `, and ${count(concepts.length - named)} more` : ""}`,
    ]),
  };
}

function bySet(concepts: readonly ShownConcept[]): string {
  const counts = new Map<string, number>();
  for (const { dataset } of concepts) counts.set(dataset, (counts.get(dataset) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([set, n]) => `${set} ${count(n)}`)
    .join(", ");
}

function pictures(tasks: readonly ShownTask[]): readonly Section[] {
  const parts = tasks.flatMap(({ name, pictures: all }, i): Part[] => {
    const shown = all.filter(({ address }) => /^data:image\/(png|jpeg);base64,[A-Za-z0-9+/=]+$/.test(address));
    return shown.length === 0
      ? []
      : [{ kind: "pictures", title: `Task ${i + 1}${name === undefined ? "" : `: ${name}`}`, pictures: shown }];
  });
  if (parts.length === 0) return [];
  const text =
    "A training sample of a few concepts of each task, with its first caption. Where the line under it is no line of credit, whose the picture is is not known here: look before you pass this page on.";
  return [{ id: "samples", title: "What the tasks look like", parts: [{ kind: "text", text }, ...parts] }];
}

function licences({ licences: sets }: StreamContent): readonly Section[] {
  const rows = sets.map(({ set, lines }) => [set, lines.length > 0 ? lines.join("; ") : "not known"]);
  if (rows.length === 0) return [];
  const table: Table = { columns: [{ title: "data set" }, { title: "licence and attribution" }], rows };
  return [{ id: "licences", title: "Licences of the data", parts: [{ kind: "table", caption: "As the data sets state them", table }] }];
}

function missing({ missing: items }: StreamContent): readonly Section[] {
  return items.length === 0 ? [] : [{ id: "missing", title: "Not shown", parts: [{ kind: "list", items }] }];
}
