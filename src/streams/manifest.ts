import { z } from "zod";
import type { Concept, DataSource } from "../data/source.ts";
import { hashOf } from "../util/hash.ts";
import { type Stream, StreamError, type StreamTask } from "./stream.ts";
import { summaryOf, type TestSplits } from "./test-splits.ts";

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const split = z.strictObject({ samples: z.int().min(0), digest: hex });
const schema = z.strictObject({
  format: z.literal("evergreen-stream/1"),
  digest: hex,
  parent: hex.optional(),
  order: z.looseObject({ name: z.string() }),
  seed: z.int().min(0),
  sources: z.array(z.strictObject({ from: z.string().min(1), sets: z.record(z.string(), z.string()) })).min(1),
  tests: z.strictObject({ static: split, dynamic: z.array(split) }).optional(),
  tasks: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        concepts: z.array(z.strictObject({ id: z.string(), samples: z.int().min(0), year: z.int().optional() })).min(1),
      }),
    )
    .min(1),
});

/** A stream as a file holds it: where its data lies, and the concepts of each task in order. */
export type StreamManifest = z.output<typeof schema>;

/** A place that a stream takes data from, as it was opened. */
export interface StreamOrigin {
  /** Reference, relative to the manifest's folder where it is a path. */
  readonly from: string;
  readonly sets: readonly Pick<DataSource, "name" | "fingerprint">[];
}

/** The manifest of a stream. Its digest is that of everything else in it. */
export function manifestOf(
  stream: Stream,
  about: Pick<StreamManifest, "order" | "seed" | "parent"> & { readonly origins: readonly StreamOrigin[]; readonly tests?: TestSplits },
): StreamManifest {
  const { origins, order, seed, parent, tests } = about;
  const content = {
    format: "evergreen-stream/1" as const,
    ...(parent === undefined ? {} : { parent }),
    order,
    seed,
    sources: origins.map(({ from, sets }) => ({
      from,
      sets: Object.fromEntries(sets.map(({ name, fingerprint }) => [name, fingerprint])),
    })),
    ...(tests ? { tests: summaryOf(tests) } : {}),
    tasks: stream.tasks.map(({ name, concepts }) => ({
      ...(name === undefined ? {} : { name }),
      concepts: concepts.map(({ id, samples, stats: { year } }) => ({
        id,
        samples: samples.length,
        ...(year === undefined ? {} : { year }),
      })),
    })),
  };
  return { ...content, digest: hashOf(content) };
}

/** The file's text: a concept a line, so that two of them can be compared by line. */
export function formatManifest({ tasks, ...head }: StreamManifest): string {
  const { format, digest, ...rest } = head;
  const told = Object.entries({ format, digest, ...rest }).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`);
  const lines = tasks.map(({ name, concepts }) => {
    const title = name === undefined ? "" : `"name": ${JSON.stringify(name)}, `;
    return `    {${title}"concepts": [\n${concepts.map((concept) => `      ${JSON.stringify(concept)}`).join(",\n")}\n    ]}`;
  });
  return `{\n${told.join("\n")}\n  "tasks": [\n${lines.join(",\n")}\n  ]\n}\n`;
}

/** True for the text of a manifest, good or bad. */
export function looksLikeManifest(text: string): boolean {
  return /^\s*\{\s*"format"\s*:\s*"evergreen-stream\//.test(text);
}

/** @throws {StreamError} for a text that is no manifest, or one that was changed by hand. */
export function parseManifest(text: string, file: string): StreamManifest {
  const parsed = schema.safeParse(jsonOf(text, file));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new StreamError(`${file}: ${issue?.path.join(".")}: ${issue?.message}`, "make it again: evergreen stream build");
  }
  const { digest, ...content } = parsed.data;
  if (hashOf(content) !== digest)
    throw new StreamError(`${file}: its content and its digest differ`, "make it again: evergreen stream build");
  return parsed.data;
}

/** The JSON of a file. @throws {StreamError} */
export function jsonOf(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new StreamError(`${file}: no JSON (${cause instanceof Error ? cause.message : String(cause)})`, "give a stream's file");
  }
}

/** The manifest's tasks over concepts of opened sources. @throws {StreamError} naming a concept that they lack. */
export function tasksOf(manifest: StreamManifest, concepts: readonly Concept[]): readonly StreamTask[] {
  const byId = new Map(concepts.map((concept) => [concept.id, concept]));
  const listed = manifest.tasks.flatMap((task) => task.concepts);
  const missing = listed.filter(({ id }) => !byId.has(id));
  if (missing.length > 0)
    throw new StreamError(
      `${missing.length} of ${listed.length} concepts are not in the data, "${missing[0]?.id}" among them`,
      "put the data back, or build the stream again",
    );
  return manifest.tasks.map(({ name, concepts: members }) => ({
    ...(name === undefined ? {} : { name }),
    concepts: members.flatMap(({ id }) => byId.get(id) ?? []),
  }));
}
