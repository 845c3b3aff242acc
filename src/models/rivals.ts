import { existsSync } from "node:fs";
import { hashFile } from "../util/hash.ts";
import { type OpenedModel, openModelFolder } from "./model-folder.ts";
import { WeightsFileError } from "./weights-file-error.ts";

/**
 * Opens the models that are one with an opened one, itself aside; none where it stands for itself.
 * @throws {WeightsFileError} for a file that is missing, or no longer what the ensemble was made of.
 */
export function openRivals({ members }: OpenedModel, options: { readonly arch?: string }): Promise<readonly OpenedModel[]> {
  return Promise.all(
    members.slice(0, -1).map(async ({ path, sha256 }) => {
      if (!existsSync(path)) throw new WeightsFileError(path, "unreadable", "is missing, and the model is one with it", { fix });
      if ((await hashFile(path)) !== sha256)
        throw new WeightsFileError(path, "unreadable", "its digest is not that of the model's part", { fix });
      return openModelFolder(path, options);
    }),
  );
}

const fix = "restore the file from a copy; a run's model needs the files of its folder experts beside those of its checkpoints";
