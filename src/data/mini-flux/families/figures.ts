import { readFileSync } from "node:fs";
import type { Draws } from "../../../util/random.ts";
import { withArticle } from "../captions.ts";
import type { Packages } from "../packages.ts";
import { paintSvg } from "../paint.ts";
import { classNamesOf, type Family, type PlannedRecord } from "../planned.ts";

/** What is used of DiceBear: a style and named options give an SVG. */
interface Dicebear {
  createAvatar(style: unknown, options: Readonly<Record<string, unknown>>): { toString(): string };
}
type Words = Readonly<Record<string, string>>;
interface AvatarWords {
  readonly tops: Readonly<Record<string, { readonly name: string; readonly colour: "cloth" | "hair" | "none" }>>;
  readonly cloth: Words;
  readonly clothes: readonly string[];
  readonly hair: Words;
  readonly skin: readonly string[];
  readonly clothing: Words;
  readonly mouth: Words;
  readonly accessories: Words;
  readonly facialHair: Words;
}
interface RobotWords {
  readonly colours: Words;
  readonly eyes: Words;
  readonly mouth: Words;
  readonly top: Words;
  readonly face: readonly string[];
  readonly sides: readonly string[];
}

/** DiceBear's names for its variants, in words that describe the picture. */
function readWords<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../words/${name}.json`, import.meta.url), "utf8")) as T;
}

const avatarsPerClass = { train: 18, test: 6 };
const robotsPerClass = { train: 4, test: 2 };

/** People by headgear or hair, each picture with a caption of its own; and robots by colour and eyes. */
export const figureFamily: Family = async (packages, random) => {
  const avatars = await avatarRecords(packages, random.at("mini-flux/avatars"));
  const robots = await robotRecords(packages, random.at("mini-flux/robots"));
  return [
    {
      name: "avatars",
      role: "adapt",
      task: "classification",
      summary: "people by headgear or hair, each with a caption of its own",
      classNames: classNamesOf(avatars),
      templates: ["a person with a {}", "{}"],
      records: avatars,
    },
    {
      name: "robots",
      role: "adapt",
      task: "classification",
      summary: "robots by colour and eyes",
      classNames: classNamesOf(robots),
      templates: ["a {}", "{}"],
      records: robots,
    },
  ];
};

async function avatarRecords(packages: Packages, draws: Draws): Promise<PlannedRecord[]> {
  const draw = await drawer(packages, "avataaars");
  const words = readWords<AvatarWords>("avatars");
  const used = new Set<string>();
  return Object.entries(words.tops).flatMap(([top, { name }]) =>
    Array.from({ length: avatarsPerClass.train + avatarsPerClass.test }, (_, i): PlannedRecord => {
      let { options, caption } = drawAvatar(words, top, draws);
      while (used.has(caption)) ({ options, caption } = drawAvatar(words, top, draws));
      used.add(caption);
      return {
        key: `${name.replaceAll(" ", "-")}/${String(i).padStart(2, "0")}`,
        className: name,
        split: i < avatarsPerClass.train ? "train" : "test",
        captions: [caption],
        source: "avataaars",
        file: `@dicebear/avataaars#${top}/${i}`,
        paint: () => paintSvg(draw(options)),
      };
    }),
  );
}

interface Figure {
  readonly options: Readonly<Record<string, unknown>>;
  readonly caption: string;
}

function drawAvatar(words: AvatarWords, top: string, draws: Draws): Figure {
  const shape = words.tops[top] ?? { name: top, colour: "none" };
  const [hat, hair] = [pick(draws, Object.keys(words.cloth)), pick(draws, Object.keys(words.hair))];
  const [clothing, clothes] = [pick(draws, Object.keys(words.clothing)), pick(draws, words.clothes)];
  const [mouth, skin] = [pick(draws, Object.keys(words.mouth)), pick(draws, words.skin)];
  const accessory = draws.below(3) === 0 ? pick(draws, Object.keys(words.accessories)) : undefined;
  const beard = draws.below(5) === 0 && top !== "hijab" ? pick(draws, Object.keys(words.facialHair)) : undefined;
  const colour = { cloth: words.cloth[hat], hair: words.hair[hair], none: undefined }[shape.colour];
  const head = withArticle(colour ? `${colour} ${shape.name}` : shape.name);
  const parts = [
    `a person with ${head}${beard ? ` and ${words.facialHair[beard]}` : ""}`,
    `${words.cloth[clothes]} ${words.clothing[clothing]}`,
    ...(accessory ? [words.accessories[accessory]] : []),
    words.mouth[mouth],
  ];
  const options = {
    seed: "",
    top: [top],
    hatColor: [hat],
    hairColor: [hair],
    clothing: [clothing],
    clothesColor: [clothes],
    mouth: [mouth],
    skinColor: [skin],
    eyes: ["default"],
    eyebrows: ["default"],
    accessories: accessory ? [accessory] : [],
    accessoriesColor: ["262e33"],
    accessoriesProbability: accessory ? 100 : 0,
    facialHair: beard ? [beard] : [],
    facialHairColor: [hair],
    facialHairProbability: beard ? 100 : 0,
  };
  return { options, caption: parts.join(", ") };
}

async function robotRecords(packages: Packages, draws: Draws): Promise<PlannedRecord[]> {
  const draw = await drawer(packages, "bottts");
  const words = readWords<RobotWords>("robots");
  const record = (colour: string, eyes: string, i: number): PlannedRecord => {
    const [mouth, top] = [pick(draws, Object.keys(words.mouth)), pick(draws, Object.keys(words.top))];
    const [face, sides] = [pick(draws, words.face), pick(draws, words.sides)];
    const className = `${words.colours[colour]} robot with ${words.eyes[eyes]}`;
    const named = withArticle(className);
    const options = {
      seed: "",
      baseColor: [colour],
      eyes: [eyes],
      mouth: [mouth],
      top: [top],
      face: [face],
      sides: [sides],
      textureProbability: 0,
    };
    return {
      key: `${words.colours[colour]}-${eyes.toLowerCase()}/${i}`,
      className,
      split: i < robotsPerClass.train ? "train" : "test",
      captions: [named, `${named} and ${words.mouth[mouth]}`, `${named}, ${words.mouth[mouth]} and ${words.top[top]}`],
      source: "bottts",
      file: `@dicebear/bottts#${colour}-${eyes}/${i}`,
      paint: () => paintSvg(draw(options)),
    };
  };
  const each = Array.from({ length: robotsPerClass.train + robotsPerClass.test }, (_, i) => i);
  return Object.keys(words.colours).flatMap((colour) =>
    Object.keys(words.eyes).flatMap((eyes) => each.map((i) => record(colour, eyes, i))),
  );
}

async function drawer(packages: Packages, style: string): Promise<(options: Figure["options"]) => string> {
  const { createAvatar } = await packages.module<Dicebear>("@dicebear/core/lib/index.js");
  const drawing = await packages.module<unknown>(`@dicebear/${style}/lib/index.js`);
  return (options) => createAvatar(drawing, options).toString();
}

function pick(draws: Draws, among: readonly string[]): string {
  return among[draws.below(among.length)] ?? "";
}
