import { emojiCaptions, taggedLabel } from "../captions.ts";
import { exclusions, heldOutStyles, type Style, trainingStyles } from "../drawings.ts";
import { type EmojiConcept, partOf, readConcepts } from "../emoji-concepts.ts";
import { classNamesOf, type Family, type PlannedRecord, type PlannedSet } from "../planned.ts";

interface EmojiSet {
  readonly name: string;
  readonly summary: string;
  holds(concept: EmojiConcept): boolean;
}

const isNew = (first: number, last: number) => (concept: EmojiConcept) =>
  partOf(concept) === "new" && concept.year >= first && concept.year <= last;
const isPart = (part: ReturnType<typeof partOf>) => (concept: EmojiConcept) => partOf(concept) === part;

const adaptationSets: readonly EmojiSet[] = [
  { name: "emoji-2018", summary: "things that emoji 11 brought", holds: isNew(2018, 2018) },
  { name: "emoji-2019", summary: "things that emoji 12 and 12.1 brought", holds: isNew(2019, 2019) },
  { name: "emoji-2020", summary: "things that emoji 13 and 13.1 brought", holds: isNew(2020, 2020) },
  { name: "emoji-2021-22", summary: "things that emoji 14 and 15 brought", holds: isNew(2021, 2022) },
  { name: "emoji-2023-25", summary: "things that emoji 15.1, 16 and 17 brought", holds: isNew(2023, 2025) },
  { name: "emoji-faces", summary: "faces up to emoji 5", holds: isPart("faces") },
  { name: "emoji-people", summary: "roles, sports, gestures, fantasy figures and families up to emoji 5", holds: isPart("people") },
  { name: "emoji-symbols", summary: "signs and symbols up to emoji 5", holds: isPart("symbols") },
];

const heldOutSets: readonly EmojiSet[] = [
  {
    name: "3d-animals",
    summary: "animals and plants of the pool in a style never trained on",
    holds: ({ group }) => group === "animals-nature",
  },
  { name: "3d-food", summary: "food of the pool in a style never trained on", holds: ({ group }) => group === "food-drink" },
  {
    name: "3d-travel",
    summary: "places and vehicles of the pool in a style never trained on",
    holds: ({ group }) => group === "travel-places",
  },
  {
    name: "3d-objects",
    summary: "objects and activities of the pool in a style never trained on",
    holds: ({ group }) => group === "objects" || group === "activities",
  },
];

/** The bare name is one of the pool's captions, so it comes first. */
const emojiTemplates = ["{}", "a drawing of {}", "a flat drawing of {}", "an outlined drawing of {}", "a shaded drawing of {}"];

/** The pool of drawings, the adaptation sets made of emoji, and the sets in the held-out style. */
export const emojiFamily: Family = (packages) => {
  const concepts = readConcepts(packages);
  const styles = trainingStyles(packages);
  const { fluent3d, fluentFlat } = heldOutStyles(packages);
  const pool = concepts.filter(isPart("pool"));
  // Hands and hearts, too, are in the pool; the sets in the other style keep to the five groups of things.
  const things = pool.filter((concept) => heldOutSets.some((set) => set.holds(concept)));
  return [
    poolSet(pool, styles),
    ...adaptationSets.map((set) => adaptationSet(set, concepts.filter(set.holds), styles)),
    ...heldOutSets.map((set) => heldOutSet(set, things.filter(set.holds), fluent3d)),
    retrievalSet(things, fluentFlat),
  ];
};

function poolSet(concepts: readonly EmojiConcept[], styles: readonly Style[]): PlannedSet {
  const records = concepts.flatMap((concept) => drawn(concept, styles).map((record): PlannedRecord => ({ ...record, split: "train" })));
  const summary = "drawings of things up to emoji 5 (2017), by eight artists or teams";
  return classification({ name: "pool-emoji", role: "pool", task: "caption", summary }, records);
}

/** Noto's drawing of each class is its test picture; the others train. */
function adaptationSet({ name, summary }: EmojiSet, concepts: readonly EmojiConcept[], styles: readonly Style[]): PlannedSet {
  const records = concepts.flatMap((concept) =>
    drawn(concept, styles).map((record): PlannedRecord => ({ ...record, split: record.source === "noto" ? "test" : "train" })),
  );
  return classification({ name, role: "adapt", task: "classification", summary }, records);
}

function heldOutSet({ name, summary }: EmojiSet, concepts: readonly EmojiConcept[], style: Style): PlannedSet {
  const records = distinct(concepts, style).flatMap((concept) =>
    drawn(concept, [style]).map((record): PlannedRecord => ({ ...record, split: "test", captions: [taggedLabel(concept), concept.label] })),
  );
  return classification({ name, role: "eval", task: "classification", summary }, records);
}

function retrievalSet(concepts: readonly EmojiConcept[], style: Style): PlannedSet {
  const records = distinct(concepts, style).flatMap((concept) =>
    drawn(concept, [style]).map((record): PlannedRecord => ({ ...record, split: "test", captions: [taggedLabel(concept)] })),
  );
  return {
    name: "retrieval-flat",
    role: "eval",
    task: "retrieval",
    summary: "things of the pool in a flat style never trained on, each with one caption of its own",
    classNames: [],
    templates: ["{}"],
    records,
  };
}

/** Without the drawings that some training drawing nearly equals. */
function distinct(concepts: readonly EmojiConcept[], { source }: Style): EmojiConcept[] {
  const same = new Set(exclusions.nearDuplicates[source]);
  return concepts.filter(({ label }) => !same.has(label));
}

function drawn(concept: EmojiConcept, styles: readonly Style[]): Omit<PlannedRecord, "split">[] {
  return styles.flatMap((style) => {
    const drawing = style.find(concept);
    if (!drawing) return [];
    const { label: className, year, hex } = concept;
    return [
      { ...drawing, key: `${style.source}/${hex}`, className, year, captions: emojiCaptions(concept, style.word), source: style.source },
    ];
  });
}

type SetFacts = Pick<PlannedSet, "name" | "role" | "task" | "summary">;

function classification(facts: SetFacts, records: readonly PlannedRecord[]): PlannedSet {
  return { ...facts, classNames: classNamesOf(records), templates: emojiTemplates, records };
}
