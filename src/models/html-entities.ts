import { once, textTables } from "./text-tables.ts";

/** Numbers that browsers read as Windows-1252, or that mean something else than themselves. */
function numbered(point: number): string {
  if (point === 0 || (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff) return "\ufffd";
  if (point === 0x0d) return "\r";
  if (point >= 0x80 && point <= 0x9f) {
    const letter = textTables().windows1252[point - 0x80] ?? "";
    return letter === "\ufffd" ? String.fromCharCode(point) : letter;
  }
  const control = point < 0x20 && point !== 0x09 && point !== 0x0a && point !== 0x0c;
  const noncharacter = (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) === 0xfffe;
  return control || point === 0x7f || noncharacter ? "" : String.fromCodePoint(point);
}

const reference = /&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/gu;

/**
 * Python's `html.unescape`: HTML 5's rules, names without their semicolon included. Decimal numbers of any length are read;
 * Python stops with an error over 4,300 digits.
 */
export function unescapeHtml(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(reference, (whole, name: string) => {
    if (name.startsWith("#x") || name.startsWith("#X")) return numbered(Number.parseInt(name.slice(2), 16));
    if (name.startsWith("#")) return numbered(Number.parseInt(name.slice(1), 10));
    const { entities } = textTables();
    if (Object.hasOwn(entities, name)) return entities[name] ?? "";
    const letters = [...name];
    for (let length = letters.length - 1; length > 1; length--) {
      const prefix = letters.slice(0, length).join("");
      if (Object.hasOwn(entities, prefix)) return (entities[prefix] ?? "") + letters.slice(length).join("");
    }
    return whole;
  });
}

/** Names with their semicolon, and those all in small letters written all in capitals too, where that is no name of its own. */
const unambiguous = once(() => {
  const names = new Map<string, string>();
  for (const [name, value] of Object.entries(textTables().entities)) {
    if (!name.endsWith(";")) continue;
    names.set(`&${name}`, value);
    const upper = `&${name.toUpperCase()}`;
    if (name === name.toLowerCase() && unescapeHtml(upper) === upper) names.set(upper, value.toUpperCase());
  }
  return names;
});

/** ftfy's `unescape_html`: only references that cannot be anything else, `&NTILDE;` among them. */
export function unescapeUnambiguous(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&#?[0-9A-Za-z]{1,24};/g, (found) => {
    const value = unambiguous().get(found);
    if (value !== undefined) return value;
    if (!found.startsWith("&#")) return found;
    const read = unescapeHtml(found);
    return read.includes(";") ? found : read;
  });
}
