import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { modelPath } from "../pipeline/model-path.ts";
import { checkpointNames, newestCheckpoint, verifyCheckpoint } from "../runs/checkpoint.ts";
import { CheckpointError } from "../runs/store-error.ts";
import { EvergreenError } from "../util/errors.ts";
import { openStore } from "./places.ts";

/** What a flag or argument says of a model. */
export const modelReferenceHelp =
  "a .safetensors file, a model's folder, preset:NAME, or a run: its id, the end of one, latest, or its folder; RUN@t0003 is its newest checkpoint with three tasks done";

/**
 * The weights file or folder behind a reference; a run's is its newest good checkpoint's.
 * @throws {EvergreenError} when nothing answers to it, or the run has no checkpoint.
 */
export function findModelFile(reference: string, runs: string | undefined): string {
  if (reference.startsWith("preset:")) return modelPath(reference);
  if (existsSync(join(reference, "run.json"))) return checkpointModel(reference);
  if (existsSync(reference)) return reference;
  if (/[/\\]/.test(reference) || /\.(safetensors|json|bin|pt|pth|ckpt)$/.test(reference)) throw missing(reference);
  const [, run = reference, name] = /^(.+)@(t\d+(?:-s\d+)?)$/.exec(reference) ?? [];
  const { folder } = openStore(runs).find(run);
  return name === undefined ? checkpointModel(folder) : namedCheckpointModel(folder, name);
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

/** The newest of the checkpoints that `t0003` or `t0003-s00000120` begins. */
function namedCheckpointModel(folder: string, name: string): string {
  const known = checkpointNames(folder);
  const found = known.find((each) => each === name || each.startsWith(`${name}-`));
  if (!found) throw new CheckpointError(`${folder} has no checkpoint ${name}`, `it has ${known.join(", ") || "none"}`);
  const result = verifyCheckpoint(folder, found);
  if ("reason" in result) throw new CheckpointError(`${folder}: checkpoint ${found}: ${result.reason}`, "name another one");
  return join(result.folder, "model.safetensors");
}

const missing = (path: string): EvergreenError =>
  new EvergreenError(`${path}: there is no such file or folder`, {
    code: "EG-4602",
    exit: "data",
    fix: `give ${modelReferenceHelp}`,
  });
