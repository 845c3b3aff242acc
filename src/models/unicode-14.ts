import { textTables } from "./text-tables.ts";

/**
 * CLIP's texts were cleaned by Pythons of their time. Characters that Unicode 14 did not know have no case there and combine with
 * nothing; this runtime may know better, so they are kept out of what it changes.
 */
function isUnassigned(point: number): boolean {
  const { unassigned } = textTables();
  // The first run that ends at or after the point.
  let low = 0;
  let high = unassigned.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((unassigned[middle * 2 + 1] ?? 0) < point) low = middle + 1;
    else high = middle;
  }
  return point >= (unassigned[low * 2] ?? Number.POSITIVE_INFINITY);
}

/** Python 3.11's `str.lower`. */
export function lowerCase(text: string): string {
  return betweenUnassigned(text, (part) => (part.includes(sigma) ? lowerWithSigma(part) : part.toLowerCase()));
}

const sigma = "Σ";
const cased = /[\p{Cased}\u0295]/u;
const passedOver = /[\p{Case_Ignorable}\u{1171E}]/u;

/** A sigma at a word's end has a form of its own. What ends a word depends on the letters around it, of which two had another category in Unicode 14. */
function lowerWithSigma(text: string): string {
  const letters = [...text];
  const isCasedFrom = (at: number, by: 1 | -1): boolean => {
    let next = at + by;
    while (passedOver.test(letters[next] ?? "")) next += by;
    return cased.test(letters[next] ?? "");
  };
  const ending = (at: number): string => (isCasedFrom(at, -1) && !isCasedFrom(at, 1) ? "ς" : "σ");
  return letters.map((letter, at) => (letter === sigma ? ending(at) : letter.toLowerCase())).join("");
}

/** Python 3.11's `unicodedata.normalize("NFC", …)`. */
export function composed(text: string): string {
  return betweenUnassigned(text, (part) => part.normalize("NFC"));
}

function betweenUnassigned(text: string, change: (part: string) => string): string {
  // Nothing below U+0378 is unassigned.
  if (!/[^\0-\u0377]/.test(text)) return change(text);
  let result = "";
  let begin = 0;
  let at = 0;
  for (const letter of text) {
    const end = at + letter.length;
    if (isUnassigned(letter.codePointAt(0) ?? 0)) {
      result += change(text.slice(begin, at)) + letter;
      begin = end;
    }
    at = end;
  }
  return result + change(text.slice(begin));
}
