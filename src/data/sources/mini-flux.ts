import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { nearest } from "../../util/errors.ts";
import { hashOf, sha256 } from "../../util/hash.ts";
import { cacheRoot } from "../../util/paths.ts";
import { miniFluxFolder } from "../mini-flux/ensure.ts";
import { creditLines, licenceLines } from "../mini-flux/licences.ts";
import { MiniFluxError } from "../mini-flux/mini-flux-error.ts";
import { picturesPath, readManifest, readSet, type StoredSet, setPath } from "../mini-flux/stored.ts";
import type { Concept, DataSource, Role, SampleRecord, SourceDefinition, Split } from "../source.ts";

const options = z.strictObject({
  path: z.string().optional().describe("folder of the built data; default: the one in the cache"),
  sets: z.array(z.string()).min(1).optional().describe("sets to open, by name or role (adapt, eval, pool); default: all"),
});

const definition: SourceDefinition<typeof options> = {
  summary: "The embedded benchmark: drawings, glyphs, flags, shapes and digits with dates, captions and roles.",
  options,
  selects: true,
  recognises: (path) => path === "mini-flux" || isBuilt(path),
  async open({ path, sets }) {
    const folder = path === undefined || path === "mini-flux" ? miniFluxFolder(cacheRoot(process.env)) : path;
    if (!existsSync(join(folder, "manifest.json")))
      throw new MiniFluxError(`no built data at ${folder}`, "run `evergreen data mini-flux`, which fetches about 60 MB and draws the sets");
    const { sets: rows, side } = readManifest(folder);
    const known = rows.map(({ name }) => name);
    const roles = new Map(rows.map(({ name, role }) => [name, role]));
    for (const name of sets ?? []) if (!known.includes(name) && ![...roles.values()].includes(name as Role)) throw unknownSet(name, known);
    const picked = known.filter((name) => !sets || sets.includes(name) || sets.includes(roles.get(name) ?? ""));
    return picked.map((name) => openSet(folder, name, side));
  },
};
export default definition;

/** A folder with the two things that every build has. */
function isBuilt(path: string): boolean {
  return existsSync(join(path, "manifest.json")) && existsSync(join(path, "sets", "pool-emoji.u8"));
}

function unknownSet(name: string, known: readonly string[]): MiniFluxError {
  const near = nearest(name, known);
  return new MiniFluxError(`no set "${name}"; known: ${known.join(", ")}`, near ? `did you mean "${near}"?` : "use one of the known names");
}

/** Sets by the state of their index: a run asks for the same ones to stream, to score and to price. */
const opened = new Map<string, DataSource>();

function openSet(folder: string, name: string, side: number): DataSource {
  const path = picturesPath(folder, name);
  const bytes = statSync(path, { throwIfNoEntry: false })?.size;
  const index = statSync(setPath(folder, name), { bigint: true, throwIfNoEntry: false });
  const key = [setPath(folder, name), index?.ino, index?.size, index?.mtimeNs, bytes].join(" ");
  const known = opened.get(key) ?? readSource(folder, name, { side, path, bytes });
  opened.set(key, known);
  return known;
}

interface Pictures {
  readonly side: number;
  readonly path: string;
  readonly bytes: number | undefined;
}

function readSource(folder: string, name: string, { side, path, bytes }: Pictures): DataSource {
  const set = readSet(folder, name);
  const stride = side * side * 3;
  if (bytes !== set.records.length * stride)
    throw new MiniFluxError(
      `${path} has ${bytes ?? "no"} bytes, expected ${set.records.length * stride}`,
      "remove this folder and run `evergreen data mini-flux` again",
    );
  const all = set.records.map((record, i): SampleRecord => {
    const className = set.classes[record.class];
    return {
      id: `${name}/${record.key}`,
      ...(className === undefined ? {} : { className }),
      captions: record.captions,
      split: record.split,
      image: { kind: "raw", path, offset: i * stride, width: side, height: side },
      ...(record.year === undefined ? {} : { year: record.year }),
    };
  });
  const inSplit = { train: all.filter(({ split }) => split === "train"), test: all.filter(({ split }) => split === "test") };
  return {
    name,
    task: set.task,
    role: set.role,
    fingerprint: hashOf({ index: sha256(readFileSync(setPath(folder, name))), bytes }),
    classNames: set.classNames,
    templates: set.templates,
    licences: licenceLines(set),
    records: (split: Split) => inSplit[split],
    concepts: () => conceptsOf(set, inSplit.train),
    credits: (ids) => creditLines(set, ids),
  };
}

/** One concept a class that has something to train on, in label order. */
function conceptsOf({ name, classes }: StoredSet, train: readonly SampleRecord[]): Concept[] {
  const byClass = new Map<string, SampleRecord[]>();
  for (const record of train) {
    const className = record.className ?? "";
    const samples = byClass.get(className);
    if (samples) samples.push(record);
    else byClass.set(className, [record]);
  }
  return classes.flatMap((className): Concept[] => {
    const records = byClass.get(className);
    if (!records) return [];
    const year = records[0]?.year;
    const samples = records.map(({ id }) => id);
    return [{ id: `${name}/${className}`, dataset: name, name: className, samples, stats: year === undefined ? {} : { year } }];
  });
}
