import { unescapeUnambiguous } from "./html-entities.ts";
import { repairControls, repairEncoding } from "./mojibake.ts";
import { textTables } from "./text-tables.ts";
import { composed } from "./unicode-14.ts";

/** Longer lines are repaired in pieces, in code points. */
const longestSegment = 1_000_000;

/**
 * Text as ftfy 6.3.1's `fix_text` leaves it: HTML references, wrong encodings, ligatures, widths, curly quotes, line breaks,
 * surrogates, terminal escapes and control characters repaired, composed (NFC), line by line. Half surrogate pairs become U+FFFD.
 */
export function repairText(text: string): string {
  // Printable ASCII without references is what every repair leaves alone.
  if (/^[\t\n\x20-\x25\x27-\x7e]*$/.test(text)) return text;
  let html = true;
  let result = "";
  for (const segment of segmentsOf(text)) {
    // Once a "<" was seen the text is taken for HTML, in which references have a meaning.
    html &&= !segment.includes("<");
    result += repairSegment(segment, html);
  }
  return result;
}

function* segmentsOf(text: string): Generator<string> {
  for (const [line] of text.matchAll(/[^\n]*\n|[^\n]+$/g)) {
    if (line.length <= longestSegment) yield line;
    else yield* piecesOf(line);
  }
}

function* piecesOf(line: string): Generator<string> {
  let begin = 0;
  let count = 0;
  let end = 0;
  for (const letter of line) {
    if (count === longestSegment) {
      yield line.slice(begin, end);
      begin = end;
      count = 0;
    }
    count++;
    end += letter.length;
  }
  yield line.slice(begin);
}

/** Ampersands escaped over and over: each pass would undo one level, and hostile text can have any number of them. */
const ampersands = /&(?:((?:amp|AMP|#0{0,20}38|#[xX]0{0,20}26);)){64,}/g;

function repairSegment(segment: string, html: boolean): string {
  let text = html ? segment.replace(ampersands, "&$1") : segment;
  for (;;) {
    const before = text;
    if (html) text = unescapeUnambiguous(text);
    text = repairEncoding(text);
    text = repairControls(text);
    text = repairLetters(text);
    text = composed(text);
    if (text === before) return text;
  }
}

const ligature = /[ĲĳŉǄ-ǌǱ-ǳﬀ-ﬆ]/g;
/** "ANSI" escapes; what counts as a digit is Python's choice. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const terminalEscape = /\x1b\[[\p{Nd};]*[a-zA-Z]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const control = /[\0-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;

function repairLetters(text: string): string {
  const { ligatures } = textTables();
  return text
    .replace(ligature, (letter) => ligatures[letter] ?? letter)
    .replace(/[\u3000\uff01-\uffef]/g, (letter) => (letter === "\u3000" ? " " : letter.normalize("NFKC")))
    .replace(/[\u201c-\u201f]/g, '"')
    .replace(/[\u02bc\u2018-\u201b]/g, "'")
    .replace(/\r\n?|[\u2028\u2029\x85]/g, "\n")
    .replace(/[\ud800-\udfff]/gu, "\ufffd")
    .replace(terminalEscape, "")
    .replace(control, "");
}
