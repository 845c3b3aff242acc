import { DataError } from "./data-error.ts";

/** The two captions of a picture that become one. */
export interface CaptionPair {
  /** Of the record that they belong to. */
  readonly path: string;
  readonly className: string;
  /** The template with the class name. */
  readonly classCaption: string;
  /** What a captioner wrote. */
  readonly synthetic: string;
}

/** How long a caption is and may be, the start and the end mark included. */
export interface TokenLimit {
  countTokens(text: string): number;
  readonly maxTokens: number;
}

/** Largest share of a set's merged captions that may say no more than one of the two they were made of (arXiv:2408.14471, appendix on captions). */
const mostEqual = 0.01;
const fewNamed = 5;

/**
 * The built-in merger: the class caption, then as many words of the synthetic one, as a second sentence, as there is room for.
 * @throws {DataError} where the class caption alone is too long, or does not hold the class name as whole words.
 */
export function joinCaptions({ path, className, classCaption, synthetic }: CaptionPair, { countTokens, maxTokens }: TokenLimit): string {
  const caption = classCaption.trim();
  const tokens = countTokens(caption);
  if (tokens > maxTokens)
    throw new DataError(`${path}: its class caption has ${tokens} tokens, expected at most ${maxTokens}: ${JSON.stringify(caption)}`, {
      code: "EG-4150",
      fix: "give a shorter --template, or shorten the class name",
    });
  if (!namesClass(caption, className))
    throw new DataError(`${path}: its class caption ${JSON.stringify(caption)} does not hold ${JSON.stringify(className)} as whole words`, {
      code: "EG-4150",
      fix: "let blanks or punctuation stand around {} in the template",
    });
  const words = synthetic.split(/\s+/).filter((word) => word !== "");
  const sentence = /[.!?]["'”’)]*$/.test(caption) ? caption : `${caption}.`;
  let merged = caption;
  // All words first, which mostly fit; then by halves. Every text that is kept was counted.
  for (let [least, most, count] = [1, words.length, words.length]; least <= most; count = Math.ceil((least + most) / 2)) {
    const text = `${sentence} ${words.slice(0, count).join(" ")}`;
    const fits = countTokens(text) <= maxTokens;
    if (fits) merged = text;
    [least, most] = fits ? [count + 1, most] : [least, count - 1];
  }
  return merged;
}

/**
 * Holds a whole set's merged captions to what is asked of them, whoever made them: few enough tokens, the class name in them, and hardly any that is one of the two
 * captions again (without regard to case and blanks).
 * @throws {DataError} that counts all violations and names the first few.
 */
export function checkMerged(pairs: readonly CaptionPair[], merged: readonly string[], { countTokens, maxTokens }: TokenLimit): void {
  const [long, nameless, equal]: [string[], string[], string[]] = [[], [], []];
  for (const [i, pair] of pairs.entries()) {
    const text = merged[i] ?? "";
    const tokens = countTokens(text);
    if (tokens > maxTokens) long.push(`${pair.path} has ${tokens} tokens`);
    if (!namesClass(text, pair.className)) nameless.push(`${pair.path} lacks ${JSON.stringify(pair.className)}`);
    if ([pair.classCaption, pair.synthetic].some((each) => plain(each) === plain(text)))
      equal.push(`${pair.path} is one of its two captions`);
  }
  const allowed = Math.floor(mostEqual * pairs.length);
  const excess = equal.length > allowed ? equal : [];
  const violations = [...long, ...nameless, ...excess];
  if (violations.length === 0) return;
  const counts = [
    ...(long.length > 0 ? [`${long.length} longer than ${maxTokens} tokens`] : []),
    ...(nameless.length > 0 ? [`${nameless.length} without the class name`] : []),
    ...(excess.length > 0 ? [`${excess.length} equal to one of the two captions (at most ${allowed} may be)`] : []),
  ];
  const named = [long, nameless, excess].flatMap((each) => each.slice(0, fewNamed));
  const more = violations.length > named.length ? `; and ${violations.length - named.length} more` : "";
  throw new DataError(`of ${pairs.length} merged captions ${counts.join(", ")}: ${named.join("; ")}${more}`, {
    code: "EG-4150",
    fix: "mend the merger, or merge with the built-in join; nothing was written",
  });
}

/** True where the name stands in the text as whole words, without regard to case and to how wide blanks are. */
function namesClass(text: string, className: string): boolean {
  const name = className.trim();
  if (name === "") return false;
  const words = name.split(/\s+/).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  const inWord = "[\\p{L}\\p{M}\\p{N}_]";
  // A name that begins or ends with a mark, as C++, is whole there by itself.
  const before = new RegExp(`^${inWord}`, "u").test(name) ? `(?<!${inWord})` : "";
  const after = new RegExp(`${inWord}$`, "u").test(name) ? `(?!${inWord})` : "";
  return new RegExp(`${before}${words.join("\\s+")}${after}`, "iu").test(text);
}

const plain = (text: string): string => text.trim().replace(/\s+/g, " ").toLowerCase();
