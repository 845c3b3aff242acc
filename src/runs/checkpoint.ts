import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../util/json.ts";
import type { CheckpointKind } from "./event.ts";
import { readFormatted } from "./formats.ts";

/** Journals whose length a checkpoint remembers, so that a resume can cut them back. */
export const journalFiles = {
  events: "events.jsonl",
  metrics: "metrics.jsonl",
  results: "eval/results.jsonl",
  ledger: "samples/ledger.jsonl",
} as const;
export type JournalName = keyof typeof journalFiles;
export type JournalSizes = Readonly<Record<JournalName, number>>;

/** A checkpoint's manifest: what lies in its folder, by digest. */
export interface CheckpointManifest {
  readonly format: string;
  readonly name: string;
  readonly task: number;
  readonly step: number;
  readonly kind: CheckpointKind;
  readonly created: string;
  readonly versions: Readonly<Record<string, string>>;
  /** By path inside the folder, parts joined by `/`. */
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>;
}

/** A complete, verified checkpoint. */
export interface Checkpoint {
  readonly name: string;
  readonly folder: string;
  readonly task: number;
  readonly step: number;
  readonly kind: CheckpointKind;
  readonly manifest: CheckpointManifest;
  /** Bytes of all files. */
  readonly bytes: number;
  readonly journals: JournalSizes;
  /** What the trainer gave. */
  readonly state: Json;
}

/** A folder that is no usable checkpoint, and why. */
export interface RefusedCheckpoint {
  readonly name: string;
  readonly reason: string;
}

const namePattern = /^t(\d{4,})-s(\d{8,})(?:\.(\d+))?$/;

/** `t0003-s00012000`; a second state at the same step gets `.2`. */
export function checkpointName(task: number, step: number, repeat = 1): string {
  const name = `t${String(task).padStart(4, "0")}-s${String(step).padStart(8, "0")}`;
  return repeat === 1 ? name : `${name}.${repeat}`;
}

/** Names of the folders that look like checkpoints, newest first. */
export function checkpointNames(runFolder: string): readonly string[] {
  const folder = join(runFolder, "checkpoints");
  const found = existsSync(folder) ? readdirSync(folder) : [];
  return found.filter((name) => namePattern.test(name)).sort((a, b) => compareAge(b, a));
}

/** Negative when `a` is older. */
export function compareAge(a: string, b: string): number {
  const key = (name: string): readonly number[] => {
    const match = namePattern.exec(name);
    return [Number(match?.[2] ?? -1), Number(match?.[1] ?? -1), Number(match?.[3] ?? 1)];
  };
  const [left, right] = [key(a), key(b)];
  for (const [i, part] of left.entries()) if (part !== right[i]) return part - (right[i] ?? 0);
  return 0;
}

/** The newest checkpoint that verifies, and those refused on the way to it. */
export function newestCheckpoint(runFolder: string): { readonly checkpoint?: Checkpoint; readonly refused: readonly RefusedCheckpoint[] } {
  const refused: RefusedCheckpoint[] = [];
  for (const name of checkpointNames(runFolder)) {
    const result = verifyCheckpoint(runFolder, name);
    if (!("reason" in result)) return { checkpoint: result, refused };
    refused.push(result);
  }
  return { refused };
}

/** Reads a checkpoint's manifest and state and compares every file with its digest. */
export function verifyCheckpoint(runFolder: string, name: string): Checkpoint | RefusedCheckpoint {
  const folder = join(runFolder, "checkpoints", name);
  try {
    const manifest = readFormatted<CheckpointManifest>(join(folder, "manifest.json"), "manifest");
    const wrong = manifest.name === name ? firstWrongFile(folder, manifest) : `manifest.json: names ${manifest.name}`;
    if (wrong) return { name, reason: wrong };
    const { journals, state } = readFormatted<{ readonly journals: JournalSizes; readonly state: Json }>(
      join(folder, "state.json"),
      "state",
    );
    const short = shortJournal(runFolder, journals);
    if (short) return { name, reason: short };
    const bytes = Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0);
    return { name, folder, task: manifest.task, step: manifest.step, kind: manifest.kind, manifest, bytes, journals, state };
  } catch (error) {
    return { name, reason: error instanceof Error ? error.message : String(error) };
  }
}

function firstWrongFile(folder: string, manifest: CheckpointManifest): string | undefined {
  if (!("state.json" in manifest.files)) return "manifest.json: lists no state.json";
  for (const [file, { sha256, bytes }] of Object.entries(manifest.files)) {
    if (!isInside(file)) return `manifest.json: ${JSON.stringify(file)} is no name inside the folder`;
    const size = statSync(join(folder, file), { throwIfNoEntry: false })?.size;
    if (size === undefined) return `${file}: is missing`;
    if (size !== bytes) return `${file}: holds ${size} bytes, expected ${bytes}`;
    if (hashFileSync(join(folder, file)) !== sha256) return `${file}: its digest is not the one in the manifest`;
  }
  return undefined;
}

function shortJournal(runFolder: string, journals: JournalSizes): string | undefined {
  for (const name of Object.keys(journalFiles) as JournalName[]) {
    const size = statSync(join(runFolder, journalFiles[name]), { throwIfNoEntry: false })?.size ?? 0;
    if (size < journals[name]) return `${journalFiles[name]}: holds ${size} bytes, expected at least ${journals[name]}`;
  }
  return undefined;
}

/** True for a relative path of plain names. */
export function isInside(file: string): boolean {
  return file.split("/").every((part) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(part));
}

/** SHA-256 of a file, read in blocks by the calling thread. */
export function hashFileSync(path: string): string {
  const hash = createHash("sha256");
  const block = Buffer.allocUnsafe(1 << 20);
  const fd = openSync(path, "r");
  try {
    for (let read = readSync(fd, block); read > 0; read = readSync(fd, block)) hash.update(block.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}
