import type { EmojiConcept } from "./emoji-concepts.ts";

/** `an outlined drawing`, `a flat drawing`. */
export function withArticle(words: string): string {
  return `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;
}

/** The label and its first four tags: `red apple, apple, diet, food, fruit`. */
export function taggedLabel({ label, tags }: Pick<EmojiConcept, "label" | "tags">): string {
  return [label, ...tags.filter((tag) => tag !== label).slice(0, 4)].join(", ");
}

/** The four captions of a drawing; the first names its style. */
export function emojiCaptions(concept: EmojiConcept, style: string): string[] {
  return [
    `${withArticle(style)} drawing of ${concept.label}`,
    concept.label,
    taggedLabel(concept),
    `${concept.subgroup.replaceAll("-", " ")}: ${concept.label}`,
  ];
}
