import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { EvergreenError } from "../util/errors.ts";
import type { SafetensorsHeader } from "./safetensors.ts";
import { WeightsFileError } from "./weights-file-error.ts";

const files = z
  .array(z.strictObject({ path: z.string().refine((path) => !isAbsolute(path)), sha256: z.string().regex(/^[0-9a-f]{64}$/) }))
  .min(2);

/** A file of one model of an ensemble. */
export interface ModelFile {
  readonly path: string;
  /** Of the file. */
  readonly sha256: string;
}

/** A file that is a part of what it was shipped as, where a model is wanted. */
class EnsembleError extends EvergreenError {
  constructor(where: string, members: readonly ModelFile[]) {
    super(`${where}: is the last of ${members.length} models that are one by their largest logits; alone it is another model`, {
      code: "EG-4403",
      exit: "data",
      fix: `score all of them with evergreen eval, or name one: ${members.map(({ path }) => path).join(", ")}`,
    });
  }
}

/** Files of the ensemble that a weights file stands for, as its metadata names them from its folder; none where it is a model by itself. */
export function membersOf({ ensemble }: SafetensorsHeader["metadata"], where: string): readonly ModelFile[] {
  if (ensemble === undefined) return [];
  const found = files.safeParse(parsed(ensemble));
  if (!found.success) throw new WeightsFileError(where, "header", "its metadata ensemble is no list of files with their SHA-256");
  return found.data.map(({ path, sha256 }) => ({ path: join(dirname(where), path), sha256 }));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws {EnsembleError} for a file that stands for an ensemble. */
export function assertAlone(members: readonly ModelFile[], where: string): void {
  if (members.length > 0) throw new EnsembleError(where, members);
}
