import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { hint } from "../../util/errors.ts";
import { hashOf } from "../../util/hash.ts";
import { DataError } from "../data-error.ts";
import { type FoundSample, indexedSource } from "../indexed-source.ts";
import { readClassList } from "../info-file.ts";
import { registeredSet } from "../registry.ts";
import type { DataSource, SourceDefinition } from "../source.ts";
import { type FoundSet, fileBeside } from "../torchvision/found-set.ts";
import { layouts } from "../torchvision/layouts.ts";

const options = z.strictObject({
  path: z.string().min(1).describe("the root that torchvision's data sets were given"),
  sets: z.array(z.string()).min(1).optional().describe("sets that must be there, by handle; default: all that are"),
  role: z.enum(["adapt", "eval"]).optional().describe("open sets of this role alone"),
});
type Options = z.output<typeof options>;

const definition: SourceDefinition<typeof options> = {
  summary:
    "Data sets as torchvision keeps them: the registered ones that it reads, with the registry's role, prompt and year. Pickles are refused.",
  source: "the layouts of torchvision.datasets",
  options,
  // A root holds folders of pictures, which is what a bare path to it would be taken for; it is named with its scheme.
  recognises: () => false,
  async open({ path, sets, role }) {
    const wanted = wantedHandles({ path, sets, role });
    const found = wanted.filter((handle) => isThere(path, handle));
    const lacking = sets && wanted.find((handle) => !found.includes(handle));
    if (lacking !== undefined)
      throw new DataError(`${path}: ${lacking} is not there; looked for ${layouts[lacking]?.marks.join(", ")}`, {
        fix: registeredSet(lacking).obtain,
      });
    if (found.length === 0)
      throw new DataError(`${path}: holds none of torchvision's data sets`, { fix: `known are: ${Object.keys(layouts).join(", ")}` });
    return found.map((handle) => openSet(path, handle));
  },
};
export default definition;

function wantedHandles({ path, sets, role }: Options): readonly string[] {
  const known = Object.keys(layouts).sort();
  const named = sets?.map((name) => registeredSet(name).handle);
  for (const handle of named ?? [])
    if (!known.includes(handle)) throw new DataError(`${path}: torchvision has no layout of ${handle}`, { fix: hint(handle, known) });
  return [...new Set(named ?? known)].sort().filter((handle) => role === undefined || registeredSet(handle).role === role);
}

const isThere = (path: string, handle: string): boolean => (layouts[handle]?.marks ?? []).some((mark) => existsSync(join(path, mark)));

function openSet(path: string, handle: string): DataSource {
  const { role, template, licence, task, year, folder } = registeredSet(handle);
  const found = layouts[handle]?.read(path) ?? { items: [], classNames: undefined };
  const classNames = namesFor(found, path, folder);
  const samples = found.items.map(({ label, captions = [], split, key, ...at }): FoundSample => {
    const className = label === undefined ? undefined : classNames[label];
    if (label !== undefined && className === undefined)
      throw new DataError(`${path}: ${handle}: ${key} has label ${label}, there are ${classNames.length} classes`);
    return { key: `${split}/${key}`, ...(className === undefined ? {} : { className }), captions, split, year, ...at };
  });
  const source = indexedSource({ name: handle, role, templates: [template], samples });
  return { ...source, task, classNames, licences: [licence], fingerprint: hashOf({ index: source.fingerprint, classNames }) };
}

/** A class list in the root goes before the layout's own names; a layout with numbers alone needs it, and captions have none. */
function namesFor({ classNames, items }: FoundSet, path: string, folder: string): readonly string[] {
  if (items.every(({ label }) => label === undefined)) return [];
  const file = `${folder}_classnames.json`;
  const list = fileBeside(path, file);
  const count = classNames?.length ?? new Set(items.map(({ label }) => label)).size;
  const given = list === undefined ? classNames : readClassList(list);
  if (given === undefined)
    throw new DataError(`${path}: the classes of ${folder} are numbers here, which say nothing to a text tower`, {
      fix: `put ${file} there, an array of the ${count} names in the order of the numbers`,
    });
  if (given.length < count) throw new DataError(`${list}: has ${given.length} names, the data has ${count} classes`);
  return given;
}
