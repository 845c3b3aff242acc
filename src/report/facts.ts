import { courseText } from "../mixtures/course.ts";
import type { RunDocument } from "../runs/spec.ts";
import { courseOf } from "../runs/spec-mixture.ts";
import { rateOf } from "../runs/spec-rate.ts";
import { camelKeys } from "../util/key-case.ts";
import { formatDuration } from "../util/units.ts";
import { documentOf, type ReportContent, taskName, withoutPaths } from "./content.ts";
import { count } from "./numbers.ts";
import type { Part, Section } from "./report-document.ts";
import type { Table } from "./table.ts";

/** The sections that say what was run, with what, and how to run it again. */
export function factSections(content: ReportContent): Readonly<Record<"what" | "skipped" | "licences" | "reproduce", Section>> {
  return { what: what(content), skipped: skipped(content), licences: licences(content), reproduce: reproduce(content) };
}

function what(content: ReportContent): Section {
  const facts = [...modelFacts(content), ...configFacts(content), ...machineFacts(content)];
  const table: Table = { columns: [{ title: "what" }, { title: "value" }], rows: facts };
  return {
    id: "what",
    title: "What was run",
    parts: [
      { kind: "table", caption: "Model, data and settings", table },
      { kind: "table", caption: "Tasks in their order", table: taskTable(content) },
    ],
  };
}

type Fact = readonly [string, string];

function modelFacts({ plan, config, folders }: ReportContent): readonly Fact[] {
  const { arch, digest, parameters, trainable } = plan.model;
  const init = documentOf(config)?.model.init;
  const start = `${init === undefined ? "" : `${withoutPaths(init, folders)}, `}SHA-256 ${digest.slice(0, 16)}`;
  return [
    ["model", arch],
    ["start weights", start],
    ["parameters", `${count(parameters)}, ${count(trainable)} of them trained`],
  ];
}

/** What the run file says, where it can be read. */
function configFacts({ config, folders }: ReportContent): readonly Fact[] {
  const file = documentOf(config);
  if (!file) return [];
  const { name: optimizer, wd } = file.optim;
  const { name: loss, duplicates } = file.loss;
  const augment = typeof file.data.augment === "string" ? file.data.augment : file.data.augment.name;
  const budget = file.budget.per_task === undefined ? `${file.budget.total} in all` : `${file.budget.per_task} per task`;
  const pool = file.data.pretraining === undefined ? "" : `, pretraining data from ${withoutPaths(file.data.pretraining.from, folders)}`;
  return [
    ["precision", file.model.precision],
    ["stream", `${withoutPaths(file.stream.from, folders)}, order ${file.stream.order}`],
    ["mixture of a batch", `${courseText(courseOf(file.data.mixture))}${pool}`],
    ["batch", `${count(file.data.batch_size)} rows, augmentation ${augment}`],
    ["budget", budget],
    ["optimiser", `${optimizer}, learning rate ${rateText(file.optim.lr, file.data.batch_size)}, weight decay ${wd}`],
    ["schedule", file.schedule.name],
    ["loss", `${loss}, duplicates: ${duplicates}`],
    ["methods", file.methods.length === 0 ? "plain fine-tuning" : file.methods.map(({ name }) => name).join(", ")],
    ["seed", String(file.seed)],
  ];
}

/** A rate as it is used, and what it was rescaled from. */
function rateText(lr: RunDocument["optim"]["lr"], batchSize: number): string {
  if (typeof lr === "number") return String(lr);
  return `${rateOf(camelKeys(lr), batchSize).toPrecision(5)}, ${lr.rule} from ${lr.rate} at ${count(lr.batch_size)} rows`;
}

function machineFacts({ plan, view, run }: ReportContent): readonly Fact[] {
  const { engine, code } = plan;
  const spent = view.startedT === undefined || view.lastT === undefined ? undefined : view.lastT - view.startedT;
  return [
    [
      "engine",
      `libtorch ${engine.libtorch} on ${engine.device}, ${engine.threads} ${engine.threads === 1 ? "thread" : "threads"}, ${engine.instructions}`,
    ],
    ["program", `evergreen ${run.versions.evergreen ?? "?"}, code ${code}, Node ${engine.node}`],
    ["plan", `SHA-256 ${plan.hash.slice(0, 16)}`],
    ["done", `${count(view.step)} of ${count(view.steps)} steps, ${count(view.samples)} rows`],
    ...(spent === undefined ? [] : [["from first to last event", formatDuration(spent)] as const]),
    ...(view.speed
      ? [
          [
            "speed at the end",
            `${count(view.speed.samplesPerSecond)} rows a second, ${(100 * view.speed.dataShare).toFixed(1)} % of the time waiting for data`,
          ] as const,
        ]
      : []),
  ];
}

function taskTable({ plan, view }: ReportContent): Table {
  return {
    columns: [
      { title: "task" },
      { title: "name" },
      { title: "concepts", align: "right" },
      { title: "samples", align: "right" },
      { title: "steps", align: "right" },
      { title: "rows of a batch: update / buffer / pretraining", align: "right" },
      { title: "concepts, for example" },
    ],
    rows: plan.tasks.map(({ index, steps, concepts, samples, phases }) => {
      const split = phases
        .map(({ from, rows }) => `${from > 0 ? `from step ${from + 1}: ` : ""}${rows.update} / ${rows.buffer} / ${rows.pretraining}`)
        .join("; ");
      const some = concepts.slice(0, 4).map((concept) => concept.slice(concept.indexOf("/") + 1));
      const example = `${some.join(", ")}${concepts.length > some.length ? ", …" : ""}`;
      return [index + 1, taskName(index, view), count(concepts.length), count(samples), count(steps), split, example];
    }),
  };
}

function skipped({ view, missing, folders }: ReportContent): Section {
  const clean = (text: string): string => withoutPaths(text, folders);
  const notStreamed = view.evaluations.flatMap(({ scores }) => scores?.notStreamed ?? []);
  const sets = [...new Set(notStreamed)];
  const waiting = view.tasks.filter(({ state }) => state === "waiting").length;
  const items = [
    ...(sets.length > 0 ? [`Scored, but in no score, because this run does not stream them: ${sets.join(", ")}.`] : []),
    ...(view.evaluations.length === 0 ? ["No data set was scored."] : []),
    ...(waiting > 0 ? [`Not begun: ${waiting} of ${view.tasks.length} tasks.`] : []),
    ...view.notes.map(({ kind, text, code }) => clean(`${kind}${code === undefined ? "" : ` ${code}`}: ${text}`)),
    ...(missing ?? []).map(clean),
  ];
  const parts: readonly Part[] =
    items.length > 0 ? [{ kind: "list", items }] : [{ kind: "text", text: "Nothing was skipped, and there were no warnings." }];
  return { id: "skipped", title: "Skipped, and worth knowing", parts };
}

function licences({ licences: given }: ReportContent): Section {
  const id = "licences";
  const title = "Licences of the data";
  if (!given)
    return {
      id,
      title,
      parts: [{ kind: "text", text: "The data could not be opened when this report was made, so its licences are not listed." }],
    };
  const unknown = given.filter(({ lines }) => lines.length === 0).map(({ set }) => set);
  const uses = new Map<string, string[]>();
  for (const { set, lines } of given) for (const line of lines) uses.set(line, [...(uses.get(line) ?? []), set]);
  const table: Table = {
    columns: [{ title: "work, author, licence" }, { title: "sets" }],
    rows: [...uses].map(([line, sets]) => [line, sets.join(", ")]),
  };
  return {
    id,
    title,
    parts: [
      ...(uses.size > 0 ? [{ kind: "table", caption: "Whose work the data is", table } as const] : []),
      ...(unknown.length > 0 ? [{ kind: "text", text: `No licence is known for: ${unknown.join(", ")}.` } as const] : []),
    ],
  };
}

function reproduce({ run, config, folders, plan }: ReportContent): Section {
  const commands = ["evergreen train -C config.yaml", `evergreen show ${run.id}`, `evergreen report ${run.id}`].join("\n");
  return {
    id: "reproduce",
    title: "How to run it again",
    parts: [
      {
        kind: "text",
        text: `config.yaml lies in the run's folder; below it is shown with paths cut to their last part. The same code, data and engine facts give plan ${plan.hash.slice(0, 16)} and, with the same number of threads, the same weights bit for bit.`,
      },
      { kind: "code", name: "Commands, from the run's folder", text: commands },
      { kind: "code", name: "config.yaml", text: withoutPaths(config, folders) },
    ],
  };
}
