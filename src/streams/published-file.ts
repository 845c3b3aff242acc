import type { Concept } from "../data/source.ts";
import { nearest } from "../util/errors.ts";
import { sha256 } from "../util/hash.ts";
import { byText } from "./canonical.ts";
import { jsonOf } from "./manifest.ts";
import { publishedNames, publishedSet } from "./published-sets.ts";
import { StreamError } from "./stream.ts";

/** An entry of a published stream file: `FLOWERS102+++king protea`. */
export interface StreamEntry {
  /** As the file spells it. */
  readonly token: string;
  /** Handle of the data set. */
  readonly dataset: string;
  readonly name: string;
}

const mark = "+++";

/**
 * Reads a published stream file: a JSON array of `DATASET+++class name`. Class names are taken byte for byte; tokens in any letter case.
 * @param known Further data sets, for files of one's own; "any" takes names that are none of the benchmark's as they are.
 * @throws {StreamError} naming the entry, for a text that is no such list, an unknown data set, or an entry that occurs twice.
 */
export function parseStreamFile(text: string, file: string, known: readonly string[] | "any" = []): readonly StreamEntry[] {
  const list = jsonOf(text, file);
  if (!Array.isArray(list)) throw new StreamError(`${file}: no list`, "a stream file is one JSON list of texts");
  const names = known === "any" ? [] : known;
  const own = new Map(names.map((name) => [name.toLowerCase(), name]));
  const first = new Map<string, number>();
  return list.map((item: unknown, i) => {
    const at = `${file}: entry ${i + 1}`;
    if (typeof item !== "string") throw new StreamError(`${at}: ${JSON.stringify(item)} is no text`, `write "DATASET${mark}class name"`);
    const parts = item.split(mark);
    const [token = "", name = ""] = parts;
    if (parts.length !== 2 || token === "" || name === "")
      throw new StreamError(
        `${at}: "${item}" has ${parts.length - 1} marks "${mark}" between two names, expected one`,
        `write "DATASET${mark}class name"`,
      );
    const dataset = own.get(token.toLowerCase()) ?? publishedSet(token)?.handle ?? (known === "any" ? token : undefined);
    if (dataset === undefined) {
      const near = nearest(token, [...publishedNames, ...names]);
      throw new StreamError(
        `${at}: unknown data set "${token}"`,
        near ? `did you mean "${near}"?` : "use a data set's folder name or handle",
      );
    }
    const id = `${dataset}/${name}`;
    const earlier = first.get(id);
    if (earlier !== undefined) throw new StreamError(`${at}: "${item}" is entry ${earlier} already`, "list every concept once");
    first.set(id, i + 1);
    return { token, dataset, name };
  });
}

/** The text of a stream file: published sets under the token of the published files, others under their own name. */
export function formatStreamFile(concepts: readonly Pick<Concept, "dataset" | "name">[]): string {
  return `${JSON.stringify(concepts.map(entryOf))}\n`;
}

/** `DATASET+++class name`. @throws {StreamError} for a name that holds the mark itself. */
export function entryOf({ dataset, name }: Pick<Concept, "dataset" | "name">): string {
  const token = publishedSet(dataset)?.token ?? dataset;
  if (token.includes(mark) || name.includes(mark)) throw new StreamError(`${dataset}/${name}: holds "${mark}"`, "rename it");
  return `${token}${mark}${name}`;
}

/** First 16 hex digits of SHA-256 over the entries as the file spells them: in order, and sorted by code point. */
export function entryHashes(entries: readonly StreamEntry[]): { readonly order: string; readonly set: string } {
  const lines = entries.map(({ token, name }) => `${token}${mark}${name}`);
  const digest = (list: readonly string[]): string => sha256(list.join("\n")).slice(0, 16);
  return { order: digest(lines), set: digest([...lines].sort(byCodePoint)) };
}

/** Code units sort as code points do, but for pairs of surrogates against U+E000 and on; UTF-8 has the order of code points. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) || byText(a, b);
}

/** Neighbours from different data sets. */
export function switches(entries: readonly Pick<Concept, "dataset">[]): number {
  return entries.filter(({ dataset }, i) => i > 0 && dataset !== entries[i - 1]?.dataset).length;
}

/**
 * The concepts that entries name, in their order.
 * @throws {StreamError} for a data set or a class that the data lacks.
 */
export function conceptsOf(entries: readonly StreamEntry[], concepts: readonly Concept[], file: string): readonly Concept[] {
  const bySet = new Map<string, Map<string, Concept>>();
  for (const concept of concepts) {
    const key = publishedSet(concept.dataset)?.handle ?? concept.dataset;
    const set = bySet.get(key) ?? new Map<string, Concept>();
    bySet.set(key, set.set(concept.name, concept));
  }
  return entries.map(({ token, dataset, name }, i) => {
    const set = bySet.get(dataset);
    const found = set?.get(name);
    if (found) return found;
    const near = set ? nearest(name, [...set.keys()]) : undefined;
    throw new StreamError(
      `${file}: entry ${i + 1}: ${set ? `${token} has no class "${name}" with training samples` : `no data for ${token}`}`,
      near ? `did you mean "${near}"?` : "name the place of its data with --from",
    );
  });
}
