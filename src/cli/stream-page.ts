import { basename, dirname, resolve } from "node:path";
import { ImageReader } from "../data/read-image.ts";
import type { DataSource, SampleId, SampleRecord } from "../data/source.ts";
import { openStreamSource } from "../pipeline/stream-source.ts";
import type { SamplePicture } from "../report/content.ts";
import { short } from "../report/drawing.ts";
import type { ShownTask, StreamContent } from "../report/stream-document.ts";
import type { Outline, OutlineTask } from "../streams/outline.ts";
import { thumbnail } from "./thumbnail.ts";

/** Pictures of a task, and of the whole page: some kilobytes each. */
const perTask = 6;
const perPage = 240;

/** Reads what the page of a stream shows. Data that is not here is missed in words, not by failing. */
export async function streamContent(outline: Outline, path: string, facts: StreamContent["facts"]): Promise<StreamContent> {
  const { sets, missing } = await dataOf(outline, resolve(path));
  const reader = new ImageReader();
  const each = Math.max(1, Math.min(perTask, Math.floor(perPage / outline.tasks.length)));
  const chosen = outline.tasks.map((task) => chosenOf(task, each));
  const records = recordsOf(sets, chosen.flat());
  const tasks: ShownTask[] = [];
  for (const [i, { name, tests, concepts }] of outline.tasks.entries()) {
    const pictures: SamplePicture[] = [];
    for (const id of chosen[i] ?? []) {
      const found = records.get(id);
      if (!found) continue;
      try {
        pictures.push(await pictureOf(found, id, reader));
      } catch (error) {
        missing.push(`The picture of ${id} cannot be read: ${error instanceof Error ? basename(error.message) : String(error)}`);
      }
    }
    tasks.push({
      ...(name === undefined ? {} : { name }),
      ...(tests === undefined ? {} : { tests }),
      concepts: concepts.map((concept) => ({ ...concept, name: nameOf(concept.id) })),
      pictures,
    });
  }
  const streamed = new Set(outline.tasks.flatMap(({ concepts }) => concepts.map(({ dataset }) => dataset)));
  const licences = sets.filter(({ name }) => streamed.has(name)).map(({ name, licences: lines }) => ({ set: name, lines }));
  return { title: basename(path), facts, tasks, licences, missing };
}

async function dataOf({ manifest }: Outline, path: string): Promise<{ readonly sets: readonly DataSource[]; readonly missing: string[] }> {
  if (!manifest) return { sets: [], missing: ["A published list does not say where its data lies: no pictures, samples and years."] };
  try {
    return { sets: (await openStreamSource(path, dirname(path))).sets, missing: [] };
  } catch (error) {
    const kind = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    return { sets: [], missing: [`The stream's data could not be opened${kind}: no pictures and licences.`] };
  }
}

/** Ids of some concepts, spread over the task. */
function chosenOf({ concepts }: OutlineTask, most: number): readonly string[] {
  const count = Math.min(most, concepts.length);
  return Array.from({ length: count }, (_, i) => concepts[Math.floor((i * concepts.length) / count)]?.id ?? "");
}

interface Found {
  readonly source: DataSource;
  readonly record: SampleRecord;
}

/** The first training sample of each concept. */
function recordsOf(sets: readonly DataSource[], ids: readonly string[]): ReadonlyMap<string, Found> {
  const wanted = new Set(ids);
  const found = new Map<string, Found>();
  for (const source of sets) {
    const conceptOf = new Map<SampleId, string>();
    for (const { id, samples } of source.concepts()) if (wanted.has(id) && samples[0] !== undefined) conceptOf.set(samples[0], id);
    if (conceptOf.size === 0) continue;
    for (const record of source.records("train")) {
      const concept = conceptOf.get(record.id);
      if (concept !== undefined) found.set(concept, { source, record });
    }
  }
  return found;
}

async function pictureOf({ source, record }: Found, concept: string, reader: ImageReader): Promise<SamplePicture> {
  const caption = record.captions[0] ?? "";
  return {
    address: await thumbnail(record.image, reader),
    caption: short(`${nameOf(concept)}: ${caption}`, 160),
    credit: source.credits?.([record.id]).get(record.id) ?? `from ${source.name}`,
  };
}

const nameOf = (concept: string): string => concept.slice(concept.indexOf("/") + 1);
