import { existsSync } from "node:fs";
import { EvergreenError } from "../util/errors.ts";
import { type NamedWeights, namedWeights } from "./named-weights.ts";
import { presetFolder } from "./preset-folder.ts";

/** Path of a weights file or folder as a config or a flag names it. @throws {EvergreenError} for a preset or hub name that is not here. */
export function modelPath(init: string): string {
  const named = namedWeights(init, process.env);
  if (named && named.folder === undefined) throw absentWeights(init, named);
  const path = named?.folder ?? (init.startsWith("preset:") ? `${presetFolder}${init.slice("preset:".length)}.safetensors` : init);
  if (existsSync(path)) return path;
  throw new EvergreenError(`model.init: ${init} does not exist`, {
    code: "EG-4401",
    exit: "data",
    fix: "give a .safetensors file, a folder in OpenCLIP's or transformers' form, open_clip:ARCHITECTURE/TAG, preset:mini-flux-base, or random",
  });
}

/** Published weights that a run names and that are not here. */
export const absentWeights = (init: string, { obtain }: NamedWeights): EvergreenError =>
  new EvergreenError(`model.init: ${init} is not in Hugging Face's cache`, { code: "EG-4401", exit: "data", fix: obtain });
