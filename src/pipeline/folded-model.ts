import { checkPeft, isPeftFolder, peftTensorsFile, readPeft } from "../continual/peft-format.ts";
import { foldedWeights } from "../continual/placed-adapters.ts";
import { release } from "../engine/scope.ts";
import { loadModel } from "../models/load.ts";
import { type OpenedModel, openModelFolder } from "../models/model-folder.ts";
import { readHeader } from "../models/safetensors.ts";
import { writeSafetensorsSync } from "../models/safetensors-write-sync.ts";
import { tensorSource } from "../models/save.ts";
import { EvergreenError } from "../util/errors.ts";

/** A model as a person names it: weights, or adapters of PEFT with the weights they are folded into. */
export interface ModelPlace {
  readonly path: string;
  /** Where `path` holds adapters. */
  readonly base?: string;
}

/** Splits `./adapters?base=./model` into its parts. */
export function splitModelPlace(reference: string): ModelPlace {
  const [, path = reference, base] = /^(.+)\?base=(.+)$/.exec(reference) ?? [];
  return { path, ...(base === undefined ? {} : { base }) };
}

/**
 * Opens a model. Of adapters the base is opened, since it says all but the numbers of the adapted layers; {@link foldedModel} puts these in.
 * @throws {EvergreenError} for adapters that cannot be read or whose base is not named, and a base of what are no adapters.
 */
export async function openPlace({ path, base }: ModelPlace, options: { readonly arch?: string }): Promise<OpenedModel> {
  if (!isPeftFolder(path)) {
    if (base === undefined) return openModelFolder(path, options);
    throw new EvergreenError(`${path}: holds no adapters, so base=${base} says nothing`, {
      code: "EG-4142",
      exit: "data",
      fix: "name a folder that PEFT saved, or leave ?base= away",
    });
  }
  if (base === undefined)
    throw new EvergreenError(`${path}: adapters say what was learned beside a model, not the model`, {
      code: "EG-4142",
      exit: "data",
      fix: `name the weights they belong to: ${path}?base=MODEL, or --base MODEL`,
    });
  await checkPeft(path);
  const opened = await openModelFolder(base, options);
  return { ...opened, files: [...opened.files, peftTensorsFile(path)] };
}

/** The model with its adapters folded in: the changed weights lie, as float32, in the new file `scratch`, all others where they were. Holds the base while it works. */
export async function foldedModel(
  { path, base = "" }: ModelPlace,
  opened: OpenedModel,
  { scratch, arch }: { readonly scratch: string; readonly arch?: string },
): Promise<OpenedModel> {
  const stored = await readPeft(path, opened.config);
  const { model } = await loadModel(base, arch === undefined ? {} : { arch });
  try {
    const folded = await foldedWeights(model, stored, path);
    writeSafetensorsSync(
      scratch,
      [...folded].map(([name, value]) => tensorSource(`folded/${name}`, value)),
    );
    release(folded);
  } finally {
    release([model, stored]);
  }
  const { entries } = await readHeader(scratch);
  const made = new Map(entries.map((entry) => [entry.name, entry]));
  return {
    ...opened,
    files: [...opened.files, scratch],
    entries: new Map([...opened.entries, ...made]),
    recipes: opened.recipes.map((recipe) => {
      const name = `folded/${recipe.target}`;
      return made.has(name) ? { target: recipe.target, shape: recipe.shape, op: "copy" as const, sources: [name] } : recipe;
    }),
  };
}
