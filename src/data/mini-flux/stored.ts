import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { hashOf } from "../../util/hash.ts";
import { MiniFluxError } from "./mini-flux-error.ts";
import { type PlannedSet, side } from "./planned.ts";

const recordSchema = z.strictObject({
  key: z.string(),
  /** Position in `classes`. */
  class: z.int().nonnegative(),
  split: z.enum(["train", "test"]),
  captions: z.array(z.string()).min(1),
  year: z.int().optional(),
  source: z.string(),
  file: z.string(),
  author: z.string().optional(),
});

const setSchema = z.strictObject({
  format: z.literal("evergreen-mini-flux-set/1"),
  name: z.string(),
  role: z.enum(["adapt", "eval", "pool"]),
  task: z.enum(["classification", "retrieval", "caption"]),
  summary: z.string(),
  /** What the records call their subject, sorted. */
  classes: z.array(z.string()),
  /** Label order; empty where nothing is classified. */
  classNames: z.array(z.string()),
  templates: z.array(z.string()).min(1),
  /** In the order of the pictures in `<name>.u8`. */
  records: z.array(recordSchema),
});
/** `sets/<name>.json`: one set without its pictures. */
export type StoredSet = z.infer<typeof setSchema>;

const manifestSchema = z.strictObject({
  format: z.literal("evergreen-mini-flux/1"),
  digest: z.string(),
  side: z.int().positive(),
  sets: z.array(
    z.strictObject({
      name: z.string(),
      role: z.enum(["adapt", "eval", "pool"]),
      digest: z.string(),
      classes: z.int(),
      train: z.int(),
      test: z.int(),
    }),
  ),
});
/** `manifest.json`: what is there. Its digest covers the sets' metadata, not the pixels, which differ slightly between renderers. */
export type StoredManifest = z.infer<typeof manifestSchema>;

export function storedSet({ name, role, task, summary, classNames, templates, records }: PlannedSet): StoredSet {
  const classes = [...new Set(records.map((record) => record.className))].sort();
  const position = new Map(classes.map((className, i) => [className, i]));
  return {
    format: "evergreen-mini-flux-set/1",
    name,
    role,
    task,
    summary,
    classes,
    classNames: [...classNames],
    templates: [...templates],
    records: records.map(({ paint: _, className, captions, ...record }) => ({
      ...record,
      class: position.get(className) ?? 0,
      captions: [...captions],
    })),
  };
}

export function storedManifest(sets: readonly StoredSet[]): StoredManifest {
  const rows = sets.map((set) => ({
    name: set.name,
    role: set.role,
    digest: hashOf(set),
    classes: set.classes.length,
    train: set.records.filter((record) => record.split === "train").length,
    test: set.records.filter((record) => record.split === "test").length,
  }));
  return { format: "evergreen-mini-flux/1", digest: hashOf(rows), side, sets: rows };
}

export function readManifest(folder: string): StoredManifest {
  return read(join(folder, "manifest.json"), manifestSchema);
}

export function readSet(folder: string, name: string): StoredSet {
  return read(setPath(folder, name), setSchema);
}

export function setPath(folder: string, name: string): string {
  return join(folder, "sets", `${name}.json`);
}

export function picturesPath(folder: string, name: string): string {
  return join(folder, "sets", `${name}.u8`);
}

function read<T>(path: string, schema: z.ZodType<T>): T {
  const again = "remove this folder and run the command again, so that it is made anew";
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new MiniFluxError(`${path} cannot be read`, again, cause);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new MiniFluxError(`${path}: ${z.prettifyError(parsed.error)}`, again);
  return parsed.data;
}
