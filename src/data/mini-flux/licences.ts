import { readFileSync } from "node:fs";
import type { SampleId } from "../source.ts";
import { MiniFluxError } from "./mini-flux-error.ts";
import { readManifest, readSet, type StoredSet } from "./stored.ts";

/** Whose work some pictures are. */
interface Licence {
  readonly name: string;
  /** Package and version that carries the work; absent where the picture is computed here. */
  readonly package?: string;
  readonly author: string;
  /** SPDX, or the words of the owner where SPDX has none. */
  readonly licence: string;
  readonly url?: string;
  readonly note?: string;
}

const licences = JSON.parse(readFileSync(new URL("./licences.json", import.meta.url), "utf8")) as Readonly<Record<string, Licence>>;

/** @throws {MiniFluxError} for a source that licences.json does not have. */
function licenceOf(source: string): Licence {
  const licence = licences[source];
  if (!licence) throw new MiniFluxError(`internal: licences.json has no "${source}"`, "report it");
  return licence;
}

/** `OpenMoji by the OpenMoji project, CC-BY-SA-4.0, https://openmoji.org`. */
function licenceLine({ name, author, licence, url, note }: Licence): string {
  return [`${name} by ${author}`, licence, url, note].filter((part) => part !== undefined).join(", ");
}

/** A set's licences, one line each, by the number of pictures they cover. */
export function licenceLines(set: StoredSet): string[] {
  return [...countBySource([set])].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([source]) => licenceLine(licenceOf(source)));
}

export interface LicenceUse extends Licence {
  readonly source: string;
  readonly sets: readonly string[];
  readonly pictures: number;
}

/** Every licence of the built data, with the sets and the number of pictures under it, sorted by source. */
export function miniFluxLicences(folder: string): LicenceUse[] {
  const sets = readManifest(folder).sets.map(({ name }) => readSet(folder, name));
  return [...countBySource(sets)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([source, pictures]) => ({
      ...licenceOf(source),
      source,
      sets: sets.filter((set) => set.records.some((record) => record.source === source)).map((set) => set.name),
      pictures,
    }));
}

/** The line to print under a picture of a set: who drew it and under which licence. Ids of other data are left out. */
export function creditLines({ name, records }: StoredSet, ids: readonly SampleId[]): Map<SampleId, string> {
  const wanted = new Set(ids);
  const credits = new Map<SampleId, string>();
  for (const { key, source, author } of records) {
    const id = `${name}/${key}`;
    if (!wanted.has(id)) continue;
    const licence = licenceOf(source);
    credits.set(id, licenceLine(author ? { ...licence, author: `${author}, ${licence.author}` } : licence));
  }
  return credits;
}

function countBySource(sets: readonly StoredSet[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { records } of sets) for (const { source } of records) counts.set(source, (counts.get(source) ?? 0) + 1);
  return counts;
}
