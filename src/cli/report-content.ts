import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ImageReader } from "../data/read-image.ts";
import type { DataSource, SampleRecord } from "../data/source.ts";
import { pairedChange, type StoredEvaluation } from "../pipeline/paired-change.ts";
import { presetFolder } from "../pipeline/preset-folder.ts";
import { transferOfRun } from "../pipeline/run-transfer.ts";
import { openRunData, type RunData } from "../pipeline/sources.ts";
import { timeMeasures } from "../pipeline/time-measures.ts";
import { mainEvaluations, type ReportContent, type SamplePicture } from "../report/content.ts";
import type { RunReader, StoredPlan } from "../runs/run-reader.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import type { RunSpec } from "../runs/spec.ts";
import { type EvaluationView, type RunView, viewOf } from "../runs/view.ts";
import { thumbnail } from "./thumbnail.ts";

/** Pictures shown of a task. */
const picturesPerTask = 6;

/** Reads all that a run's report says. Data that lies here no more is missed in words, not by failing. */
export async function reportContent(reader: RunReader): Promise<ReportContent> {
  const [plan, run] = [reader.plan(), reader.record()];
  const view = viewOf(reader.events(), plan);
  const config = readFileSync(join(reader.folder, "config.yaml"), "utf8");
  const places = Object.values(run.paths).map((path) => path.replace(/^[a-z][a-z0-9-]*:(?=[/\\])/, ""));
  const folders = [reader.folder, process.cwd(), homedir(), ...places];
  const transfer = transferOfRun(view, plan.tasks);
  const overTime = timeMeasures(view);
  const measured = { ...(transfer ? { transfer } : {}), ...(overTime ? { overTime } : {}) };
  const content = { run, plan, config, view, folders, drawn: reader.ledger(), ...measured };
  let data: RunData;
  let spec: RunSpec;
  try {
    ({ spec } = readRunSpec(reader.folder, { env: process.env, presets: presetFolder }));
    data = await openRunData(spec, reader.folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...content, missing: [`The data could not be opened (${reason}): no licences, pictures and paired intervals.`] };
  }
  const all = [...data.streamed, ...data.pretraining, ...data.evaluated];
  const sources = [...new Map(all.map((set) => [set.name, set])).values()];
  const licences = sources.map(({ name, licences: lines }) => ({ set: name, lines }));
  const changes = changesOf({ folder: reader.folder, seed: spec.seed, sources, view });
  const spent = await spendingIn(reader, { spec, plan, view });
  return { ...content, licences, samples: await samplesOf(data.streamed, plan), ...(changes ? { changes } : {}), ...spent };
}

/** Where the compute went; why it is not told where its costs cannot be worked out here. */
async function spendingIn(
  { folder }: RunReader,
  { spec, plan, view }: { readonly spec: RunSpec; readonly plan: StoredPlan; readonly view: RunView },
): Promise<Pick<ReportContent, "spending" | "missing">> {
  try {
    // The engine counts on shapes.
    const { spendingOfRun } = await import("../pipeline/run-spending.ts");
    return { spending: await spendingOfRun(spec, folder, { plan, view }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { missing: [`What the run costs could not be worked out (${reason}): nothing is told of its budget.`] };
  }
}

/** Paired changes of KA and ZS from the first evaluation to the last. */
function changesOf(of: {
  readonly folder: string;
  readonly seed: number;
  readonly sources: readonly DataSource[];
  readonly view: RunView;
}): ReportContent["changes"] {
  const rows = mainEvaluations(of.view).filter(({ scores }) => scores);
  const [before, after] = [rows[0], rows.at(-1)];
  if (!before || !after || before === after) return undefined;
  const stored = (row: EvaluationView): StoredEvaluation => ({ folder: of.folder, row });
  const pair = { seed: of.seed, sources: of.sources, before: stored(before), after: stored(after) };
  const ka = pairedChange(pair, after.scores?.kaSets ?? []);
  const zs = pairedChange(pair, after.scores?.zsSets ?? []);
  return { ...(ka ? { ka } : {}), ...(zs ? { zs } : {}) };
}

/** Only pictures whose author and licence are known one by one are shown: a report is passed on. */
async function samplesOf(streamed: readonly DataSource[], plan: ReportContent["plan"]): Promise<NonNullable<ReportContent["samples"]>> {
  const reader = new ImageReader();
  const named = new Map(streamed.map((source) => [source.name, source]));
  const concepts = new Map(streamed.flatMap((source) => source.concepts().map((concept) => [concept.id, concept])));
  const tasks = plan.tasks.map(async ({ index, concepts: ids }) => {
    const few = Array.from(
      { length: Math.min(picturesPerTask, ids.length) },
      (_, i) => ids[Math.floor((i * ids.length) / picturesPerTask)],
    );
    const chosen = few.flatMap((id) => concepts.get(id ?? "") ?? []);
    const pictures = chosen.map(async ({ dataset, samples: [first] }): Promise<readonly SamplePicture[]> => {
      const source = named.get(dataset);
      const record = source?.records("train").find(({ id }) => id === first);
      const credit = record && source?.credits?.([record.id]).get(record.id);
      return record && credit ? [await picture(record, credit, reader)] : [];
    });
    return { task: index, pictures: (await Promise.all(pictures)).flat() };
  });
  return Promise.all(tasks);
}

async function picture(record: SampleRecord, credit: string, reader: ImageReader): Promise<SamplePicture> {
  return { address: await thumbnail(record.image, reader), caption: record.captions[0] ?? "", credit };
}
