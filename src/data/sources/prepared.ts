import { statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { hint } from "../../util/errors.ts";
import { hashOf } from "../../util/hash.ts";
import { DataError } from "../data-error.ts";
import { type FoundSample, indexedSource } from "../indexed-source.ts";
import { isPrepared, type PreparedManifest, type PreparedPart, readManifest, readPart } from "../prepared-files.ts";
import type { DataSource, SourceDefinition } from "../source.ts";

const options = z.strictObject({
  path: z.string().min(1).describe("a folder that evergreen data prepare made"),
  sets: z.array(z.string()).min(1).optional().describe("sets to open, by name; default: all"),
  role: z.enum(["adapt", "eval", "pool"]).optional().describe("open sets of this role alone"),
});

const definition: SourceDefinition<typeof options> = {
  summary: "Resized copies that evergreen data prepare made: the same sets, ids, classes, captions and prompts as the originals.",
  options,
  recognises: isPrepared,
  async open({ path, sets, role }) {
    const manifest = readManifest(path);
    const known = manifest.sets.map(({ name }) => name);
    const unknown = sets?.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new DataError(`${path}: there is no set "${unknown}"`, { fix: hint(unknown, known) });
    const wanted = manifest.sets.filter((set) => (sets?.includes(set.name) ?? true) && (role === undefined || set.role === role));
    return wanted.map((set) => openSet(path, set, manifest)).sort((a, b) => (a.name < b.name ? -1 : 1));
  },
};
export default definition;

function openSet(path: string, set: PreparedManifest["sets"][number], { transform }: PreparedManifest): DataSource {
  const { name, role, task, classNames, templates, licences } = set;
  const parts = set.parts.map(({ record, sha256 }) => readPart(join(path, record), sha256));
  const samples = parts.flatMap((part) => samplesOf(path, name, part));
  const leftOut = parts.flatMap(({ unreadable }) => unreadable.map(({ id, reason }) => ({ item: id, reason })));
  const source = indexedSource({ name, role, templates, samples, leftOut });
  const fingerprint = hashOf({ from: set.fingerprint, transform, parts: parts.map(({ sha256 }) => sha256) });
  return { ...source, task, classNames, licences, fingerprint };
}

function samplesOf(path: string, name: string, part: PreparedPart): readonly FoundSample[] {
  const place = join(path, part.holds);
  const facts = statSync(place, { throwIfNoEntry: false });
  if (!facts || (part.layout === "shards" && facts.size !== part.bytes))
    throw new DataError(`${place}: ${facts ? `has ${facts.size} bytes, expected ${part.bytes}` : "is not there"}`, {
      fix: "run evergreen data prepare again",
    });
  return part.samples.map(({ id, class: className, captions, year, name: picture, offset, bytes }) => ({
    key: id.slice(name.length + 1),
    ...(className === undefined ? {} : { className }),
    captions,
    split: part.split,
    ...(year === undefined ? {} : { year }),
    image:
      part.layout === "shards" ? { kind: "slice", path: place, offset: offset ?? 0, bytes } : { kind: "file", path: join(place, picture) },
    bytes,
  }));
}
