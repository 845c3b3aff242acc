import { readFileSync } from "node:fs";
import { plainHex } from "./iconify.ts";
import type { Packages } from "./packages.ts";

/** An emoji as OpenMoji's list describes it: what it is, not how anyone draws it. */
export interface EmojiConcept {
  /** Lower case, `-` between, no FE0F: what drawings are joined by. */
  readonly hex: string;
  /** OpenMoji's file name without its ending. */
  readonly openmojiFile: string;
  readonly label: string;
  readonly tags: readonly string[];
  readonly group: string;
  readonly subgroup: string;
  /** Emoji version that brought it. */
  readonly version: number;
  readonly year: number;
  /** Who drew OpenMoji's picture. */
  readonly openmojiAuthor: string;
}

interface OpenmojiEntry {
  readonly hexcode: string;
  readonly group: string;
  readonly subgroups: string;
  readonly annotation: string;
  readonly tags: string;
  readonly openmoji_author: string;
  readonly skintone: string;
  readonly unicode: number | string;
}

/** Emoji version to the year it came out, from Unicode's release history; no package has it. */
const years = JSON.parse(readFileSync(new URL("./emoji-years.json", import.meta.url), "utf8")) as Readonly<Record<string, number>>;

/** @throws {RangeError} for a version that the table does not have. */
export function yearOfVersion(version: number): number {
  const year = years[String(version)];
  if (year === undefined) throw new RangeError(`internal: emoji version ${version} has no year in emoji-years.json`);
  return year;
}

/** Every emoji without skin tones, hair parts and OpenMoji's own extras, in the list's order. */
export function readConcepts(packages: Packages): EmojiConcept[] {
  return packages
    .json<readonly OpenmojiEntry[]>("openmoji/data/openmoji.json")
    .filter((entry) => !entry.skintone && entry.group !== "component" && !entry.group.startsWith("extras"))
    .map((entry) => ({
      hex: plainHex(entry.hexcode),
      openmojiFile: entry.hexcode,
      label: plainText(entry.annotation),
      tags: entry.tags
        .split(",")
        .map(plainText)
        .filter((tag) => tag !== ""),
      group: entry.group,
      subgroup: entry.subgroups,
      version: Number(entry.unicode),
      year: yearOfVersion(Number(entry.unicode)),
      openmojiAuthor: entry.openmoji_author,
    }));
}

/** Lower case with plain quotes; accents stay. */
export function plainText(text: string): string {
  return text.trim().toLowerCase().replace(/[‘’]/g, "'").replace(/[“”]/g, "");
}

/** The last version that the pool knows: what came later is there to be learned. */
const poolCutOff = 5;

const poolGroups: ReadonlySet<string> = new Set(["animals-nature", "food-drink", "travel-places", "activities", "objects"]);
const bodySubgroups = /^(hand-|hands$|body-parts$)/;
const heartSubgroups: ReadonlySet<string> = new Set(["heart", "emotion"]);

/** Which part of the benchmark a concept belongs to; undefined for flags and for new people. */
export function partOf({ group, subgroup, version }: EmojiConcept): "pool" | "faces" | "people" | "symbols" | "new" | undefined {
  if (group === "flags") return undefined;
  // New people differ from older ones in a few pixels.
  if (version > poolCutOff) return group === "people-body" ? undefined : "new";
  if (poolGroups.has(group)) return "pool";
  if (group === "symbols") return "symbols";
  if (group === "people-body") return bodySubgroups.test(subgroup) ? "pool" : "people";
  return heartSubgroups.has(subgroup) ? "pool" : "faces";
}
