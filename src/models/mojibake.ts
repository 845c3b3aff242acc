import { badnessPattern, mojibakePattern } from "./mojibake-patterns.ts";
import { once, textTables } from "./text-tables.ts";
import { decodeUtf8, decodeUtf8Variants } from "./utf8-variants.ts";

/** A single-byte encoding. Bytes are kept in strings, one character each from U+0000 to U+00FF, so that patterns run on them. */
interface Encoding {
  readonly name: string;
  /** Stands for unknown bytes in the `sloppy` encodings, which read byte 1A as U+FFFD. */
  readonly sloppy: boolean;
  readonly toByte: ReadonlyMap<string, string>;
}

const encodings = once((): readonly Encoding[] =>
  Object.entries(textTables().encodings).map(([name, upper]) => {
    const toByte = new Map<string, string>();
    for (let byte = 0; byte < 0x80; byte++) if (byte !== 0x1a) toByte.set(String.fromCharCode(byte), String.fromCharCode(byte));
    [...upper].forEach((letter, i) => {
      toByte.set(letter, String.fromCharCode(i === 0 ? 0x1a : 0x7f + i));
    });
    return { name, sloppy: name.startsWith("sloppy"), toByte };
  }),
);

function encode(text: string, { toByte }: Encoding): string | undefined {
  let bytes = "";
  for (const letter of text) {
    const byte = toByte.get(letter);
    if (byte === undefined) return undefined;
    bytes += byte;
  }
  return bytes;
}

/**
 * Text that was decoded with the wrong encoding, decoded with the right one; other text as it is. What ftfy 6.3.1's
 * `fix_encoding` does by default.
 */
export function repairEncoding(text: string): string {
  let current = text;
  for (;;) {
    const next = repairOnce(current);
    if (next === current) return current;
    current = next;
  }
}

function isBad(text: string): boolean {
  return badnessPattern().test(text);
}

const ascii = (text: string): boolean => !/[^\0-\x7f]/.test(text);

function repairOnce(text: string): string {
  if (ascii(text) || !isBad(text)) return text;
  for (const encoding of encodings()) {
    const bytes = encode(text, encoding);
    const decoded = bytes === undefined ? undefined : decodeAltered(bytes, encoding);
    if (decoded !== undefined) return decoded;
  }
  const embedded = repairEmbedded(text);
  if (embedded !== text) return embedded;
  if (!/[^\0-\xff]/.test(text)) {
    const { windows1252 } = textTables();
    const windows = text.replace(/[\x80-\xff]/g, (letter) => windows1252[letter.charCodeAt(0) - 0x80] ?? letter);
    if (!windows.includes("\ufffd") && windows !== text) return windows;
  }
  return repairControls(text);
}

/** UTF-8 whose bytes A0 became spaces. Which leading bytes are believed is ftfy's choice: those that make likely characters. */
const altered =
  /[\xc2\xc3\xc5\xce\xd0\xd9] |[\xe2\xe3] [\x80-\x84\x86-\x9f\xa1-\xbf]|[\xe0-\xe3][\x80-\x84\x86-\x9f\xa1-\xbf] |\xf0 [\x80-\xbf]{2}|\xf0[\x80-\xbf] [\x80-\xbf]|\xf0[\x80-\xbf]{2} /g;
/** The word "à", but not where Portuguese goes on with it. */
const aGrave = /\xc3 (?! |quele|quela|quilo|s )/g;
/** UTF-8 sequences some of whose bytes were lost to byte 1A or a question mark. */
const lossy = new RegExp(
  [
    "[\\xc2-\\xdf]\\x1a",
    "[\\xc2-\\xc3][?]",
    "\\xed[\\xa0-\\xaf][\\x1a?]\\xed[\\xb0-\\xbf][\\x1a?\\x80-\\xbf]",
    "\\xed[\\xa0-\\xaf][\\x1a?\\x80-\\xbf]\\xed[\\xb0-\\xbf][\\x1a?]",
    "[\\xe0-\\xef][\\x1a?][\\x1a\\x80-\\xbf]",
    "[\\xe0-\\xef][\\x1a\\x80-\\xbf][\\x1a?]",
    "[\\xf0-\\xf4][\\x1a?][\\x1a\\x80-\\xbf][\\x1a\\x80-\\xbf]",
    "[\\xf0-\\xf4][\\x1a\\x80-\\xbf][\\x1a?][\\x1a\\x80-\\xbf]",
    "[\\xf0-\\xf4][\\x1a\\x80-\\xbf][\\x1a\\x80-\\xbf][\\x1a?]",
    "\\x1a",
  ].join("|"),
  "g",
);
const replacementBytes = "\xef\xbf\xbd";

function decodeAltered(encoded: string, { name, sloppy }: Encoding): string | undefined {
  let bytes = encoded;
  if (name !== "macroman" && bytes.search(altered) !== -1)
    bytes = bytes.replace(aGrave, "\xc3\xa0 ").replace(altered, (found) => found.replaceAll(" ", "\xa0"));
  if (sloppy) bytes = bytes.replace(lossy, replacementBytes);
  return /[\xed\xc0]/.test(bytes) ? decodeUtf8Variants(bytes) : decodeUtf8(bytes);
}

/** Repairs the parts that look like UTF-8 on their own, where no encoding explains the whole. */
function repairEmbedded(text: string): string {
  return text.replace(mojibakePattern(), (part) => (part.length < text.length && isBad(part) ? repairEncoding(part) : part));
}

/** C1 control characters as the Windows-1252 letters they nearly always are. */
export function repairControls(text: string): string {
  const { windows1252 } = textTables();
  return text.replace(/[\x80-\x9f]/g, (letter) => {
    const meant = windows1252[letter.charCodeAt(0) - 0x80];
    return meant === undefined || meant === "\ufffd" ? letter : meant;
  });
}
