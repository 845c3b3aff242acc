import { readFileSync } from "node:fs";
import { z } from "zod";
import { nearest, UsageError } from "../util/errors.ts";

const count = z.int().min(0);
const percent = z.number().min(0).max(100);
const fineTuned = z.strictObject({ best: percent, gain: z.number() }).readonly().nullable();

/** How a set's samples were divided; what each rule means stands in docs/data-sets.md. */
const splitRules = [
  "every-5th-test",
  "first-70pct-per-class-train",
  "official",
  "official-swapped",
  "fixed-list",
  "subset-train-mini-val",
  "official-crops",
  "subset-train-official-val",
  "random-index-seed0",
  "test-only",
] as const;

const registered = z
  .strictObject({
    /** Place in the registry, from 1. */
    number: z.int().min(1),
    /** What runs, rows and streams call the set. */
    handle: z.string().regex(/^[a-z0-9_]+$/),
    /** Its folder in a data root, and the word that begins the names of its info files. */
    folder: z.string().regex(/^[A-Za-z0-9_]+$/),
    /** For people to read. */
    name: z.string().min(1),
    role: z.enum(["adapt", "eval"]),
    task: z.enum(["classification", "retrieval"]),
    /** Three counts that differ in four sets: as the paper prints, the candidates in evaluation, the concepts of the full streams. */
    classes: z.strictObject({ paper: count, list: count, streamed: count }).readonly(),
    /** Images, as the paper prints them. */
    samples: z.strictObject({ train: count, test: count }).readonly(),
    /** How info files spell the two parts; null where the set has no training part. */
    parts: z.strictObject({ train: z.string().nullable(), test: z.string() }).readonly(),
    /** The one prompt, `{}` where the class name goes. */
    template: z.string().includes("{}"),
    /** Side to which the published loader brings the pictures, before the model's own preprocessing. */
    pixels: z.int().min(1),
    /** Whether a copy resized to 224 px was published beside the originals. */
    resized: z.boolean(),
    captions: z.enum(["generated", "procedural", "available", "custom"]),
    domain: z.string().min(1),
    /** As the paper prints it; to be checked before anything is passed on. */
    licence: z.string().min(1),
    /** 1 to 15 in the streams by time; null for sets that are never streamed. */
    yearGroup: z.int().min(1).nullable(),
    /** Of the year group, or of publication where there is none. */
    year: z.int(),
    split: z.enum(splitRules),
    /** Percent on B/32 LAION-2B (accuracy, recall@5 for retrieval), and after ten epochs on this set alone with the gain over zero-shot. */
    published: z.strictObject({ zeroShotB32: percent, fineTunedB16: fineTuned, fineTunedB32: fineTuned }).readonly(),
    /** How a person comes by the pictures. Nothing here is ever downloaded by itself. */
    obtain: z.string().endsWith("."),
  })
  .readonly();

/** A data set of FoMo-in-Flux (arXiv:2408.14471, Tables 5 and 6): facts about it, not its pictures. */
export type RegisteredSet = z.output<typeof registered>;

/** The 63 data sets in the paper's order: those that are streamed, then those that are only evaluated. */
export const registry: readonly RegisteredSet[] = z
  .array(registered)
  .parse(JSON.parse(readFileSync(new URL("./registry.json", import.meta.url), "utf8")));

const byName = new Map(registry.flatMap((set) => [set.handle, set.folder].map((name) => [name.toLowerCase(), set] as const)));

/** The set of this handle or folder name, in any letter case. @throws {UsageError} that names the nearest one. */
export function registeredSet(name: string): RegisteredSet {
  const found = byName.get(name.toLowerCase());
  if (found) return found;
  const near = nearest(
    name,
    registry.map(({ handle }) => handle),
  );
  throw new UsageError(
    `there is no registered data set "${name}"`,
    near ? `did you mean: ${near}` : "see all of them: evergreen data status",
  );
}

/** Sum of a count over the sets of a role, or over all. */
export function total(of: (set: RegisteredSet) => number, role?: RegisteredSet["role"]): number {
  return registry.filter((set) => role === undefined || set.role === role).reduce((sum, set) => sum + of(set), 0);
}
