import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isPeftFolder } from "../continual/peft-format.ts";
import type { OpenedModel } from "../models/model-folder.ts";
import { foldedModel, type ModelPlace, openPlace, splitModelPlace } from "../pipeline/folded-model.ts";
import { findModelFile } from "./model-reference.ts";

/** How models are found and read. */
export interface ModelFlags {
  readonly runs?: string;
  readonly arch?: string;
}

/** A model of a merge, opened, with the place it was found at. */
export interface FoundModel {
  readonly place: ModelPlace;
  readonly opened: OpenedModel;
}

/** Opens what a merge names: a model, or adapters of the base that the merge has unless they name their own. */
export async function openNamed(reference: string, flags: ModelFlags, base?: string): Promise<FoundModel> {
  const { path: named, base: own = base } = splitModelPlace(reference);
  const path = findModelFile(named, flags.runs);
  const place = { path, ...(own !== undefined && (isPeftFolder(path) || own !== base) ? { base: findModelFile(own, flags.runs) } : {}) };
  return { place, opened: await openPlace(place, flags) };
}

/** Works with models whose adapters are folded in. The folded weights lie in a folder of their own until the work is done. */
export async function withFolded<Result>(
  { base, models }: { readonly base: FoundModel | undefined; readonly models: readonly FoundModel[] },
  flags: ModelFlags,
  work: (files: { readonly base: OpenedModel | undefined; readonly models: readonly OpenedModel[] }) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "evergreen-merge-"));
  let count = 0;
  const fold = async ({ place, opened }: FoundModel): Promise<OpenedModel> =>
    place.base === undefined ? opened : foldedModel(place, opened, { ...flags, scratch: join(folder, `${count++}.safetensors`) });
  try {
    const folded: OpenedModel[] = [];
    // One after another: each holds its base meanwhile.
    for (const model of models) folded.push(await fold(model));
    return await work({ base: base && (await fold(base)), models: folded });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
