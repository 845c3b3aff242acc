import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { hashOf } from "../../util/hash.ts";
import { dataFolder } from "../../util/paths.ts";
import { DataError } from "../data-error.ts";
import { type DataRoot, dataRoot, type NeededFile, neededFiles, type SetStatus, statusOf } from "../data-root.ts";
import { cachedIndex } from "../index-cache.ts";
import { type FoundSample, indexedSource } from "../indexed-source.ts";
import { type InfoRecord, readClassList, readInfoFile } from "../info-file.ts";
import { type RegisteredSet, registeredSet, registry } from "../registry.ts";
import type { DataSource, LeftOut, SourceDefinition } from "../source.ts";
import { type TarMember, tarMembers } from "../tar-index.ts";
import { unopenedSet } from "../unopened-source.ts";

const options = z.strictObject({
  path: z
    .string()
    .min(1)
    .optional()
    .describe("data root: a folder or tar for each set, info files in it or in its 00_info; EVERGREEN_DATA if absent"),
  info: z.string().min(1).optional().describe("folder with info files and class lists, where they lie elsewhere"),
  sets: z
    .array(z.string())
    .min(1)
    .optional()
    .describe("sets that must be there whole, by handle or role (adapt, eval); default: all that are"),
  role: z.enum(["adapt", "eval"]).optional().describe("open sets of this role alone"),
  // AI2D, DollarStreet and ImageNet-D have captions in the info files of these copies alone.
  resized: z.boolean().default(true).describe("read the copies resized to 224 px rather than the originals, where both are there"),
});
type Options = z.output<typeof options>;

const definition: SourceDefinition<typeof options> = {
  summary: "A data root of the published benchmark: its 63 sets by handle, with info files and class lists.",
  source: "arXiv:2408.14471 and the layout of the code published with it",
  options,
  selects: true,
  // A root holds folders of pictures, which is what a bare path to it would be taken for; it is named with its scheme.
  recognises: () => false,
  async open(given) {
    const root = rootOf(given);
    const wanted = lookFor(given, root);
    const lacking = wanted.filter(({ state }) => state !== "ready");
    if (given.sets && lacking.length > 0) throw incomplete(lacking, wanted.length, root);
    const found = wanted.filter(({ state }) => state === "ready");
    if (found.length === 0)
      throw new DataError(`${root.root}: none of the registered data sets is there whole`, {
        fix: `see what is missing: ${statusCommand(root)}`,
      });
    return byName(found.map((each) => openSet(each, root, given.resized)));
  },
  async plan(given) {
    const root = rootOf(given);
    const all = lookFor(given, root);
    const anyReady = all.some(({ state }) => state === "ready");
    const planned = all.filter(({ state }) => state === "ready" || given.sets || !anyReady);
    return byName(
      planned.map((each) => (each.state === "ready" ? openSet(each, root, given.resized) : unopenedSet(each.set, each.missing))),
    );
  },
};
export default definition;

const rootOf = ({ path, info }: Options): DataRoot => dataRoot(path ?? dataFolder(process.env), info);
const byName = (sets: readonly DataSource[]): readonly DataSource[] => [...sets].sort((a, b) => (a.name < b.name ? -1 : 1));

const statusCommand = ({ root }: DataRoot): string => `evergreen data status${existsSync(root) ? ` --root ${root}` : ""}`;

/** A set and what of it is there. */
type Looked = SetStatus & { readonly set: RegisteredSet };

/** Those that were named, by handle, folder or role, else all; and what of each is there. */
function lookFor({ sets, role }: Options, root: DataRoot): readonly Looked[] {
  const named = sets?.flatMap((name) =>
    name === "adapt" || name === "eval" ? registry.filter((set) => set.role === name) : [registeredSet(name)],
  );
  const wanted = [...new Set(named ?? registry)].filter((set) => role === undefined || set.role === role);
  return wanted.map((set) => ({ set, ...statusOf(set, root) }));
}

/** What is missing and how it is obtained: of one set in full, of many by their names. */
function incomplete(lacking: readonly Looked[], of: number, root: DataRoot): DataError {
  const [first] = lacking;
  const parts = lacking.slice(0, 3).map(({ set, missing }) => `${set.handle} lacks ${missing.join(", ")}`);
  if (lacking.length === 1 && first) return new DataError(`${root.root}: ${parts.join("")}`, { fix: first.set.obtain });
  const more = lacking.length > parts.length ? `; and ${lacking.length - parts.length} more` : "";
  return new DataError(`${root.root}: ${lacking.length} of ${of} data sets are not there whole: ${parts.join("; ")}${more}`, {
    fix: `${statusCommand(root)} says of each what is missing and how it is obtained; set EVERGREEN_DATA to the folder that holds them`,
  });
}

function openSet({ set, images }: Looked, root: DataRoot, resized: boolean): DataSource {
  const filesOf = (holds: NeededFile["holds"]): readonly string[] => foundFiles(set, root, { holds, resized });
  const [list] = filesOf("classes");
  const classNames = list === undefined ? [] : readClassList(list);
  const locate = placesIn(set, images ?? join(root.root, set.folder));
  const samples: FoundSample[] = [];
  const leftOut: LeftOut[] = [];
  for (const split of ["train", "test"] as const) {
    const { file, records } = firstWithPictures(filesOf(split), classNames, locate);
    for (const record of records) {
      const place = record.captions.length === 0 && record.className === undefined ? speechless(file, record) : locate(record);
      if ("reason" in place) leftOut.push(place);
      else samples.push({ key: `${split}/${record.path}`, ...textOf(record), split, year: set.year, ...place });
    }
  }
  const { handle: name, role, template, licence, task } = set;
  const source = indexedSource({ name, role, templates: [template], samples, leftOut });
  return { ...source, task, classNames, licences: [licence], fingerprint: hashOf({ index: source.fingerprint, classNames }) };
}

/** Info files of both copies may be there and the pictures of one alone: the first file is taken whose first picture exists, else the first. */
function firstWithPictures(
  files: readonly string[],
  classNames: readonly string[],
  locate: Locate,
): { readonly file: string; readonly records: readonly InfoRecord[] } {
  const read = (file: string) => ({ file, records: readInfoFile(file, classNames) });
  for (const file of files.length > 1 ? files : []) {
    const part = read(file);
    const [first] = part.records;
    const place = first && locate(first);
    if (place && "image" in place && place.bytes !== undefined) return part;
  }
  const [first] = files;
  return first === undefined ? { file: "", records: [] } : read(first);
}

const speechless = (file: string, { path }: InfoRecord): LeftOut => ({
  item: `${file}: ${path}`,
  reason: "neither a caption nor a class",
});

const textOf = ({ className, captions }: InfoRecord): Pick<FoundSample, "className" | "captions"> => ({
  ...(className === undefined ? {} : { className }),
  captions,
});

/** The info files or the class list that are there, the preferred ones first. */
function foundFiles(
  set: RegisteredSet,
  root: DataRoot,
  { holds, resized }: { readonly holds: NeededFile["holds"]; readonly resized: boolean },
): readonly string[] {
  const names = neededFiles(set).find((needed) => needed.holds === holds)?.names ?? [];
  const preferred = resized ? [...names].reverse() : names;
  const paths = preferred.flatMap((name) => root.info.map((folder) => join(folder, name)));
  return paths.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

type Locate = (record: InfoRecord) => Pick<FoundSample, "image" | "bytes"> | LeftOut;

/** Where a record's picture lies: under the set's folder, or in its tar, whose members begin with the folder's name. */
function placesIn({ folder }: RegisteredSet, images: string): Locate {
  if (!images.endsWith(".tar"))
    return ({ path }) => {
      const file = join(images, path);
      return { image: { kind: "file", path: file }, bytes: statSync(file, { throwIfNoEntry: false })?.size };
    };
  const members: readonly TarMember[] = cachedIndex({ path: images, format: "tar-members/1", env: process.env }, () => tarMembers(images));
  const byName = new Map(members.map((member) => [member.name.replace(/^\.\//, ""), member]));
  return ({ path }) => {
    const member = byName.get(`${folder}/${path}`);
    if (!member) return { item: `${images}: ${folder}/${path}`, reason: "named by the info file and not in the archive" };
    return { image: { kind: "slice", path: images, offset: member.offset, bytes: member.bytes }, bytes: member.bytes };
  };
}
