import { unescapeHtml } from "./html-entities.ts";
import { repairText } from "./repair-text.ts";
import { classOf, once, pythonSpace, textTables } from "./text-tables.ts";
import { lowerCase } from "./unicode-14.ts";
import { endToken, startToken, wordIds } from "./vocabulary.ts";

/** Tokens that CLIP's text tower takes, the two marks included. */
export const clipContextLength = 77;

/**
 * CLIP's token ids of a text, padded with zeros to `contextLength`: OpenCLIP 3.3.0's `SimpleTokenizer`, ftfy and all. A longer
 * text is cut and ends with the end mark all the same.
 * @example tokenize("a photo of a cat").subarray(0, 7) // 49406 320 1125 539 320 2368 49407
 */
export function tokenize(text: string, options: { readonly contextLength?: number } = {}): Int32Array {
  const length = options.contextLength ?? clipContextLength;
  const result = new Int32Array(length);
  result[0] = startToken;
  let end = 1;
  for (const id of tokenIds(text)) {
    if (end >= length) break;
    result[end++] = id;
  }
  result[Math.min(end, length - 1)] = endToken;
  return result;
}

/** Number of tokens of a whole text, the two marks included, so that one can see what {@link tokenize} would cut. */
export function tokenCount(text: string): number {
  let count = 2;
  for (const _ of tokenIds(text)) count++;
  return count;
}

/** Text as CLIP reads it: repaired, unescaped, white space collapsed, lower case. */
export function cleanText(text: string): string {
  const unescaped = unescapeHtml(unescapeHtml(repairText(text)));
  return lowerCase(unescaped.replace(spaces(), " ").replace(/^ | $/g, ""));
}

const spaces = once(() => new RegExp(`[${pythonSpace}]+`, "gu"));

/**
 * Marks written out, English clitics, runs of letters, single digits, runs of anything else. OpenCLIP matches without regard to
 * case, where ſ is an s, and U+0345, whose capital is a letter, is in none of the classes and falls out.
 */
const words = once(() => {
  const { newLetters, newNumbers } = textTables();
  const letter = `\\p{L}${classOf(newLetters)}`;
  const number = `\\p{N}${classOf(newNumbers)}`;
  return new RegExp(`<[sſ]tart_of_text>|<end_of_text>|'[sſtmd]|'re|'ve|'ll|[${letter}]+|[${number}]|[^ \\u0345${letter}${number}]+`, "gu");
});

/** {@link words} for text that is all ASCII, as nearly all captions are; needs no table. */
const asciiWords = /<start_of_text>|<end_of_text>|'[stmd]|'re|'ve|'ll|[a-z]+|[0-9]|[^ a-z0-9]+/g;

const marks: ReadonlyMap<string, readonly number[]> = new Map([
  ["<start_of_text>", [startToken]],
  ["<end_of_text>", [endToken]],
]);

function* tokenIds(text: string): Generator<number> {
  const clean = cleanText(text);
  // Not matchAll, which compiles the pattern anew each time.
  for (const word of clean.match(/[^\0-\x7f]/.test(clean) ? words() : asciiWords) ?? []) yield* marks.get(word) ?? wordIds(word);
}
