import { classOf, once, textTables } from "./text-tables.ts";

/**
 * CLIP's texts were cleaned by Pythons of their time. Characters that Unicode 14 did not know have no case there and combine with
 * nothing; this runtime may know better, so they are kept out of what it changes.
 */
const unassigned = once(() => {
  const run = `[${classOf(textTables().unassigned)}]+`;
  return { any: new RegExp(run, "u"), parts: new RegExp(`${run}|[^${run.slice(1, -2)}]+`, "gu") };
});

/** Python 3.11's `str.lower`. */
export function lowerCase(text: string): string {
  return betweenUnassigned(text, (part) => part.toLowerCase());
}

/** Python 3.11's `unicodedata.normalize("NFC", …)`. */
export function composed(text: string): string {
  return betweenUnassigned(text, (part) => part.normalize("NFC"));
}

function betweenUnassigned(text: string, change: (part: string) => string): string {
  const { any, parts } = unassigned();
  // Nothing below U+0378 is unassigned.
  if (!/[^\0-\u0377]/.test(text) || !any.test(text)) return change(text);
  return text.replace(parts, (part) => (any.test(part) ? part : change(part)));
}
