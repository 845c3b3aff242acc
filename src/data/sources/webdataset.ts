import { basename } from "node:path";
import { z } from "zod";
import { DataError, reasonOf } from "../data-error.ts";
import { filesOf, namesake, namesFiles } from "../file-lists.ts";
import { cachedIndex } from "../index-cache.ts";
import { indexedSource, settled, splitNamed, splitOf, type UnsettledSample } from "../indexed-source.ts";
import { readSpan } from "../read-image.ts";
import type { LeftOut, SourceDefinition } from "../source.ts";
import { commonOptions } from "../source-options.ts";
import { type TarMember, tarMembers } from "../tar-index.ts";

const options = z.strictObject({
  ...commonOptions,
  classNames: z.array(z.string()).optional().describe("class names, where the archives hold class numbers (.cls)"),
});
type Options = z.output<typeof options>;

const format = "tar-index/1";
const tar = /\.tar$/i;
const picture = /^(jpe?g|png|webp|gif|tiff?|avif|svg|bmp)$/i;
const maxTextBytes = 1 << 20;

const webdataset: SourceDefinition<typeof options> = {
  summary:
    "Tar archives of samples: files of one key are one sample (.jpg, .png, .webp; .txt, .json, .cls). Brace lists name many archives.",
  source: "the WebDataset format; captions in .txt as OpenCLIP reads them",
  options,
  recognises: (path) => namesFiles(path, tar),
  async open(given) {
    const samples: UnsettledSample[] = [];
    const leftOut: LeftOut[] = [];
    for (const path of filesOf(given.path, tar)) {
      const index = cachedIndex({ path, format, env: process.env }, () => tarSamples(path));
      for (const entry of index) {
        const sample = sampleOf(path, entry, given);
        if ("reason" in sample) leftOut.push(sample);
        else samples.push(sample);
      }
    }
    const { role, templates } = given;
    return [indexedSource({ name: given.name ?? namesake(given.path), role, templates, samples: settled(samples), leftOut })];
  },
};
export default webdataset;

/** One key of an archive, as it is kept: the places of its image, and its texts. */
interface Entry {
  readonly key: string;
  readonly image?: TarMember;
  readonly txt?: string;
  readonly json?: string;
  readonly cls?: string;
}

function tarSamples(path: string): readonly Entry[] {
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

function sampleOf(path: string, entry: Entry, { classNames, testShare }: Options): UnsettledSample | LeftOut {
  const item = `${path}: ${entry.key}`;
  if (!entry.image) return { item, reason: "no image" };
  const facts = jsonOf(item, entry.json);
  const captions = captionsOf(entry, facts);
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

function captionsOf({ txt }: Entry, facts: Facts): readonly string[] {
  const given = txt ?? facts.caption ?? facts.captions;
  const captions = Array.isArray(given) ? given : [given];
  return captions.filter((caption) => typeof caption === "string").flatMap((caption) => (caption.trim() === "" ? [] : [caption.trim()]));
}

function classOf({ cls }: Entry, facts: Facts, names: readonly string[] | undefined): string | undefined {
  const given = cls?.trim() ?? facts.class ?? facts.label;
  if (typeof given !== "string" && typeof given !== "number") return undefined;
  return names?.[Number(given)] ?? String(given);
}
