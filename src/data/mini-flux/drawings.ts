import { readFileSync } from "node:fs";
import type { EmojiConcept } from "./emoji-concepts.ts";
import { type IconSet, readIconSet } from "./iconify.ts";
import type { Packages } from "./packages.ts";
import { paintEncoded, paintSvg } from "./paint.ts";

/** Sets by one artist are near duplicates of each other, so roles are given to families. */
export type StyleFamily = "twemoji" | "noto" | "emojione" | "fxemoji" | "openmoji" | "fluent";

/** The family that no pool and no adaptation set may show. */
export const heldOutFamily: StyleFamily = "fluent";

export interface Drawing {
  readonly file: string;
  readonly author?: string;
  readonly paint: () => Promise<Uint8Array>;
}

/** One artist's way to draw emoji. */
export interface Style {
  /** Key of licences.json. */
  readonly source: string;
  readonly family: StyleFamily;
  /** Word that captions use. */
  readonly word: string;
  find(concept: EmojiConcept): Drawing | undefined;
}

interface Exclusions {
  /** Source to labels whose drawing shows something else: joins by name that went wrong. */
  readonly wrongDrawings: Readonly<Record<string, readonly string[]>>;
  /** Held-out source to labels whose drawing is all but the same as a training drawing. */
  readonly nearDuplicates: Readonly<Record<string, readonly string[]>>;
}
export const exclusions = JSON.parse(readFileSync(new URL("./exclusions.json", import.meta.url), "utf8")) as Exclusions;

/** The styles that pool and adaptation sets are made of. */
export function trainingStyles(packages: Packages): Style[] {
  return [
    iconStyle(packages, { source: "twemoji", family: "twemoji", word: "flat" }),
    iconStyle(packages, { source: "noto", family: "noto", word: "shaded" }),
    iconStyle(packages, { source: "noto-v1", family: "noto", word: "blob style" }),
    iconStyle(packages, { source: "emojione", family: "emojione", word: "smooth" }),
    iconStyle(packages, { source: "emojione-v1", family: "emojione", word: "detailed" }),
    iconStyle(packages, { source: "fxemoji", family: "fxemoji", word: "rounded" }),
    openmojiStyle(packages, { source: "openmoji", folder: "color", word: "outlined" }),
    openmojiStyle(packages, { source: "openmoji-black", folder: "black", word: "black line" }),
  ].map(withoutWrongDrawings);
}

/** The styles that are only ever evaluated. */
export function heldOutStyles(packages: Packages): { readonly fluent3d: Style; readonly fluentFlat: Style } {
  return {
    fluent3d: withoutWrongDrawings({
      source: "fluent-3d",
      family: heldOutFamily,
      word: "3d",
      find: fluentFinder(packages),
    }),
    fluentFlat: withoutWrongDrawings(
      iconStyle(packages, { source: "fluent-flat", family: heldOutFamily, word: "flat" }, "fluent-emoji-flat"),
    ),
  };
}

function withoutWrongDrawings(style: Style): Style {
  const wrong = new Set(exclusions.wrongDrawings[style.source]);
  return { ...style, find: (concept) => (wrong.has(concept.label) ? undefined : style.find(concept)) };
}

function iconStyle(packages: Packages, about: Omit<Style, "find">, set: string = about.source): Style {
  const icons = readIconSet(packages, set);
  const byName = namesOf(icons);
  return {
    ...about,
    find: ({ hex, label }) => {
      const name = icons.nameOf(hex) ?? byName.get(squashed(label));
      return name === undefined ? undefined : { file: `@iconify-json/${set}/icons.json#${name}`, paint: () => paintSvg(icons.svg(name)) };
    },
  };
}

/** Name without separators to name; four of the sets know no code points. */
function namesOf(icons: IconSet): Map<string, string> {
  return new Map(icons.names.map((name) => [squashed(name.replace(/^flag-for-/, "flag-")), name]));
}

/** Letters and digits alone, accents off: `smiling-face-with-3-hearts` and `smilingfacewith3hearts` are one. */
export function squashed(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll("&", "and")
    .replace(/[^a-z0-9]/g, "");
}

function openmojiStyle(packages: Packages, { source, folder, word }: { source: string; folder: string; word: string }): Style {
  return {
    source,
    family: "openmoji",
    word,
    find: ({ openmojiFile, openmojiAuthor }) => {
      const file = `openmoji/${folder}/svg/${openmojiFile}.svg`;
      return { file, author: openmojiAuthor, paint: async () => paintSvg(await packages.text(file)) };
    },
  };
}

function fluentFinder(packages: Packages): Style["find"] {
  const files = new Map(packages.list("@lobehub/fluent-emoji-3d/assets").map((name) => [plainFile(name), name]));
  return ({ hex }) => {
    const name = files.get(hex);
    const file = `@lobehub/fluent-emoji-3d/assets/${name}`;
    return name === undefined ? undefined : { file, paint: async () => paintEncoded(await packages.bytes(file)) };
  };
}

function plainFile(name: string): string {
  return name
    .replace(/\.webp$/, "")
    .split("-")
    .filter((point) => point !== "fe0f")
    .join("-");
}
