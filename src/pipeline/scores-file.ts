import { z } from "zod";
import type { Concept, ConceptId } from "../data/source.ts";
import { readBytes, readHeader } from "../models/safetensors.ts";
import { writeSafetensors } from "../models/safetensors-write.ts";
import { type ConceptEmbeddings, StreamError } from "../streams/stream.ts";

/** What is known of some concepts, by position; `null` where nothing is. */
export interface ConceptScores {
  readonly concepts: readonly ConceptId[];
  readonly matchingLoss?: readonly (number | null)[];
  readonly frequency?: readonly (number | null)[];
  /** Unit-length text embeddings, row by row. */
  readonly text?: { readonly width: number; readonly values: Float32Array };
  /** How they were made: model, seed, corpus. */
  readonly about: Readonly<Record<string, string | number>>;
}

const format = "evergreen-scores/1";
const list = z.array(z.number().nullable());
const header = z.strictObject({
  concepts: z.array(z.string()),
  matchingLoss: list.optional(),
  frequency: list.optional(),
  about: z.record(z.string(), z.union([z.string(), z.number()])),
});

/** Writes scores as safetensors: the embeddings as `text` [concepts, width], everything else as JSON in the file's metadata. */
export async function writeScores(path: string, { text, ...scores }: ConceptScores): Promise<void> {
  const { width, values } = text ?? { width: 0, values: new Float32Array(0) };
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const tensor = { name: "text", dtype: "F32" as const, shape: [text ? scores.concepts.length : 0, width], data };
  await writeSafetensors(path, [tensor], { format, scores: JSON.stringify(scores) });
}

/** @throws {StreamError} for a safetensors file that holds no scores; {WeightsFileError} for another file. */
export async function readScores(path: string): Promise<ConceptScores> {
  const { entries, metadata } = await readHeader(path);
  const wrong = (what: string): StreamError => new StreamError(`${path}: ${what}`, "make it with `evergreen stream score`");
  if (metadata.format !== format) throw wrong(`no file of scores (format ${metadata.format ?? "unknown"})`);
  const parsed = header.safeParse(json(metadata.scores ?? ""));
  if (!parsed.success) throw wrong(`its scores cannot be read (${parsed.error.issues[0]?.message})`);
  const { concepts, about, matchingLoss, frequency } = parsed.data;
  const entry = entries.find(({ name }) => name === "text");
  const width = entry?.shape[1] ?? 0;
  const lengths = [matchingLoss?.length, frequency?.length, width > 0 ? entry?.shape[0] : undefined];
  if (lengths.some((length) => length !== undefined && length !== concepts.length)) throw wrong("its lists have different lengths");
  const bytes = entry && width > 0 ? await readBytes(entry) : undefined;
  return {
    concepts,
    about,
    ...(matchingLoss ? { matchingLoss } : {}),
    ...(frequency ? { frequency } : {}),
    ...(bytes ? { text: { width, values: new Float32Array(Uint8Array.from(bytes).buffer) } } : {}),
  };
}

/** The concepts with their scores added to what they know, and the embeddings. Scores of other concepts are left aside. */
export function withScores(
  concepts: readonly Concept[],
  scores: ConceptScores,
): { readonly concepts: readonly Concept[]; readonly embeddings?: ConceptEmbeddings } {
  const rows = new Map(scores.concepts.map((id, row) => [id, row]));
  const scored = concepts.map((concept): Concept => {
    const row = rows.get(concept.id);
    if (row === undefined) return concept;
    const matchingLoss = scores.matchingLoss?.[row] ?? undefined;
    const frequency = scores.frequency?.[row] ?? undefined;
    const found = { ...(matchingLoss === undefined ? {} : { matchingLoss }), ...(frequency === undefined ? {} : { frequency }) };
    return { ...concept, stats: { ...concept.stats, ...found } };
  });
  const { text } = scores;
  if (!text) return { concepts: scored };
  const of = (id: ConceptId): Float32Array | undefined => {
    const row = rows.get(id);
    return row === undefined ? undefined : text.values.subarray(row * text.width, (row + 1) * text.width);
  };
  return { concepts: scored, embeddings: { width: text.width, of } };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
