import { readFileSync } from "node:fs";
import { type Drawing, type Style, trainingStyles } from "../drawings.ts";
import { type EmojiConcept, plainText, readConcepts } from "../emoji-concepts.ts";
import type { Packages } from "../packages.ts";
import { paintSvg } from "../paint.ts";
import { classNamesOf, type Family, type PlannedRecord, type PlannedSet } from "../planned.ts";

interface FlagWords {
  /** Country codes of the United Nations' members and observer states. */
  readonly states: readonly string[];
  /** A state to the one whose flag is the same at this size: it gets no class of its own. */
  readonly sameAs: Readonly<Record<string, string>>;
}
interface Country {
  readonly code: string;
  readonly capital?: string;
  readonly continent?: string;
}

const words = JSON.parse(readFileSync(new URL("../words/flags.json", import.meta.url), "utf8")) as FlagWords;

/** Flags of states. Round flags and OpenMoji's are the test; the other artists' train. */
export const flagFamily: Family = (packages) => {
  const countries = new Map(packages.json<readonly Country[]>("flag-icons/country.json").map((country) => [country.code, country]));
  const concepts = new Map(readConcepts(packages).map((concept) => [codeOf(concept), concept]));
  const styles = flagStyles(packages);
  const records = words.states
    .filter((code) => !(code in words.sameAs))
    .flatMap((code) => {
      const concept = concepts.get(code);
      if (!concept) throw new RangeError(`internal: flags.json names "${code}", which is no flag emoji`);
      return flagRecords(code, concept, countries.get(code), styles);
    });
  const set: PlannedSet = {
    name: "flags",
    role: "adapt",
    task: "classification",
    summary: "flags of states whose flags differ at this size",
    classNames: classNamesOf(records),
    templates: ["the {}", "{}", "a drawing of the {}"],
    records,
  };
  return [set];
};

interface FlagStyle {
  readonly source: string;
  readonly split: PlannedRecord["split"];
  find(code: string, concept: EmojiConcept): Drawing | undefined;
}

function flagStyles(packages: Packages): FlagStyle[] {
  const emoji = new Map(trainingStyles(packages).map((style) => [style.source, style]));
  const file = (path: string): Drawing => ({ file: path, paint: async () => paintSvg(await packages.text(path)) });
  const ofEmoji = (source: string, split: PlannedRecord["split"]): FlagStyle => {
    const style: Style | undefined = emoji.get(source);
    return { source, split, find: (_code, concept) => style?.find(concept) };
  };
  return [
    { source: "flag-icons-4x3", split: "train", find: (code) => file(`flag-icons/flags/4x3/${code}.svg`) },
    { source: "flag-icons-1x1", split: "train", find: (code) => file(`flag-icons/flags/1x1/${code}.svg`) },
    ofEmoji("twemoji", "train"),
    ofEmoji("emojione", "train"),
    ofEmoji("emojione-v1", "train"),
    ofEmoji("openmoji", "test"),
    { source: "circle-flags", split: "test", find: (code) => file(`circle-flags/flags/${code}.svg`) },
  ];
}

function flagRecords(code: string, concept: EmojiConcept, country: Country | undefined, styles: readonly FlagStyle[]): PlannedRecord[] {
  const className = concept.label.replace(/^flag: /, "flag of ").replaceAll("&", "and");
  const captions = [
    `the ${className}`,
    ...(country?.capital ? [`${className}, capital ${plainText(country.capital)}`] : []),
    ...(country?.continent ? [`${className}, a country in ${plainText(country.continent)}`] : []),
  ];
  return styles.flatMap((style): PlannedRecord[] => {
    const drawing = style.find(code, concept);
    return drawing ? [{ ...drawing, key: `${style.source}/${code}`, className, split: style.split, captions, source: style.source }] : [];
  });
}

/** `br` for the emoji made of the regional indicators B and R; undefined for every other emoji. */
export function codeOf({ hex }: Pick<EmojiConcept, "hex">): string | undefined {
  const points = hex.split("-").map((point) => Number.parseInt(point, 16) - 0x1f1e6);
  if (points.length !== 2 || points.some((point) => point < 0 || point > 25)) return undefined;
  return points.map((point) => String.fromCharCode(97 + point)).join("");
}
