import { basename } from "node:path";
import { DataError, reasonOf } from "./data-error.ts";
import { cachedIndex } from "./index-cache.ts";
import { splitNamed, splitOf, type UnsettledSample } from "./indexed-source.ts";
import { readSpan } from "./read-image.ts";
import type { LeftOut } from "./source.ts";
import { type TarMember, tarMembers } from "./tar-index.ts";

const format = "tar-index/1";
const tar = /\.tar$/i;
const picture = /^(jpe?g|png|webp|gif|tiff?|avif|svg|bmp)$/i;
const maxTextBytes = 1 << 20;

/** How the members of an archive become samples. */
export interface TarReading {
  /** Where the archives hold class numbers (.cls). */
  readonly classNames?: readonly string[] | undefined;
  /** Share kept for testing where the archive's name says no split. */
  readonly testShare: number;
  /** Each line of a text is a caption; else the text is one. */
  readonly linesAreCaptions?: boolean;
}

export interface TarSamples {
  readonly samples: readonly UnsettledSample[];
  readonly leftOut: readonly LeftOut[];
}

/** The samples of some archives: files of one key are one sample. What has no image, or neither caption nor class, is left out by name. */
export function tarSamplesIn(paths: readonly string[], reading: TarReading): TarSamples {
  const samples: UnsettledSample[] = [];
  const leftOut: LeftOut[] = [];
  for (const path of paths)
    for (const entry of cachedIndex({ path, format, env: process.env }, () => entriesOf(path))) {
      const sample = sampleOf(path, entry, reading);
      if ("reason" in sample) leftOut.push(sample);
      else samples.push(sample);
    }
  return { samples, leftOut };
}

/** One key of an archive, as it is kept: the places of its image, and its texts. */
interface Entry {
  readonly key: string;
  readonly image?: TarMember;
  readonly txt?: string;
  readonly json?: string;
  readonly cls?: string;
}

function entriesOf(path: string): readonly Entry[] {
  const entries = new Map<string, Entry>();
  for (const member of tarMembers(path)) {
    // The key ends at the first dot of the last part of the name, as in WebDataset.
    const parts = /^((?:.*\/)?[^./][^./]*)\.([^/]*)$/.exec(member.name);
    const [key, ending] = [parts?.[1], parts?.[2]?.toLowerCase()];
    if (key === undefined || ending === undefined) continue;
    const entry = entries.get(key) ?? { key };
    if (picture.test(ending)) entries.set(key, { ...entry, image: entry.image ?? member });
    else if (ending === "txt" || ending === "json" || ending === "cls") entries.set(key, { ...entry, [ending]: textOf(path, member) });
  }
  return [...entries.values()];
}

function textOf(path: string, member: TarMember): string {
  if (member.bytes > maxTextBytes) throw new DataError(`${path}: member "${member.name}" has ${member.bytes} bytes, too many for a text`);
  return Buffer.from(readSpan(path, member.offset, member.bytes)).toString("utf8");
}

function sampleOf(path: string, entry: Entry, { classNames, testShare, linesAreCaptions }: TarReading): UnsettledSample | LeftOut {
  const item = `${path}: ${entry.key}`;
  if (!entry.image) return { item, reason: "no image" };
  const facts = jsonOf(item, entry.json);
  const captions = captionsOf(linesAreCaptions ? entry.txt?.split(/\r?\n/) : entry.txt, facts);
  const className = classOf(entry, facts, classNames);
  if (captions.length === 0 && className === undefined) return { item, reason: "neither a caption nor a class" };
  const shard = basename(path).replace(tar, "");
  const key = `${shard}/${entry.key}`;
  return {
    key,
    ...(className === undefined ? {} : { className }),
    captions,
    split: splitNamed(/^[a-z]+/i.exec(shard)?.[0] ?? "") ?? splitOf(key, testShare),
    image: { kind: "slice", path, offset: entry.image.offset, bytes: entry.image.bytes },
    bytes: entry.image.bytes,
  };
}

type Facts = Readonly<Record<string, unknown>>;

function jsonOf(item: string, json: string | undefined): Facts {
  if (json === undefined) return {};
  try {
    const value: unknown = JSON.parse(json);
    return value !== null && typeof value === "object" ? (value as Facts) : {};
  } catch (error) {
    throw new DataError(`${item}.json: not JSON (${reasonOf(error)})`, { cause: error });
  }
}

function captionsOf(text: string | readonly string[] | undefined, facts: Facts): readonly string[] {
  const given = text ?? facts.caption ?? facts.captions;
  const captions: readonly unknown[] = Array.isArray(given) ? given : [given];
  return captions
    .filter((caption): caption is string => typeof caption === "string")
    .flatMap((caption) => (caption.trim() === "" ? [] : [caption.trim()]));
}

function classOf({ cls }: Entry, facts: Facts, names: readonly string[] | undefined): string | undefined {
  const given = cls?.trim() ?? facts.class ?? facts.label;
  if (typeof given !== "string" && typeof given !== "number") return undefined;
  return names?.[Number(given)] ?? String(given);
}
