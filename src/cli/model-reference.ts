import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { modelPath } from "../pipeline/model-source.ts";
import { newestCheckpoint } from "../runs/checkpoint.ts";
import { CheckpointError } from "../runs/store-error.ts";
import { EvergreenError } from "../util/errors.ts";
import { openStore } from "./places.ts";

/** What a flag or argument says of a model. */
export const modelReferenceHelp =
  "a .safetensors file, a model's folder, preset:NAME, or a run: its id, the end of one, latest, or its folder";

/**
 * The weights file or folder behind a reference; a run's is its newest good checkpoint's.
 * @throws {EvergreenError} when nothing answers to it, or the run has no checkpoint.
 */
export function findModelFile(reference: string, runs: string | undefined): string {
  if (reference.startsWith("preset:")) return modelPath(reference);
  if (existsSync(join(reference, "run.json"))) return checkpointModel(reference);
  if (existsSync(reference)) return reference;
  if (/[/\\]/.test(reference) || /\.(safetensors|json|bin|pt|pth|ckpt)$/.test(reference)) throw missing(reference);
  return checkpointModel(openStore(runs).find(reference).folder);
}

function checkpointModel(folder: string): string {
  const { checkpoint, refused } = newestCheckpoint(folder);
  const path = checkpoint && join(checkpoint.folder, "model.safetensors");
  if (path && statSync(path, { throwIfNoEntry: false })) return path;
  const why = refused.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  throw new CheckpointError(
    `${folder} has no ${why ? "good " : ""}checkpoint${why ? ` (${why})` : ""}`,
    "let the run reach its first checkpoint, or give a weights file",
  );
}

const missing = (path: string): EvergreenError =>
  new EvergreenError(`${path}: there is no such file or folder`, {
    code: "EG-4602",
    exit: "data",
    fix: `give ${modelReferenceHelp}`,
  });
