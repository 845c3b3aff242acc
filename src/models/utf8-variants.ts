/** Strict UTF-8 from bytes kept in a string; undefined when it is none. */
export function decodeUtf8(bytes: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, "latin1"));
  } catch {
    return undefined;
  }
}

/** The end, or the line feed that ends it: what `$` means in Python's patterns. */
const end = "(?=\\n?$)";
/** A character written as two surrogates of three bytes each, whole or cut off by the end. */
const pair = `\\xed(?:[\\xa0-\\xaf]|${end})(?:[\\x80-\\xbf]|${end})(?:\\xed|${end})(?:[\\xb0-\\xbf]|${end})(?:[\\x80-\\xbf]|${end})`;
const pairAtStart = new RegExp(`^${pair}`);
const special = new RegExp(`\\xc0(?:\\x80|${end})|${pair}|\\xed(?:[\\xa0-\\xbf]|${end})(?:[\\x80-\\xbf]|${end})`);

/**
 * UTF-8 that may hold CESU-8 surrogate pairs and Java's two-byte null, step by step as ftfy's `utf-8-variants` codec reads it;
 * undefined when it is none.
 */
export function decodeUtf8Variants(bytes: string): string | undefined {
  let text = "";
  let rest = bytes;
  while (rest.length > 0) {
    const found = rest.search(special);
    const step = found === 0 ? specialStep(rest) : plainStep(rest, found === -1 ? rest.length : found);
    if (step === undefined) return undefined;
    text += step.text;
    rest = rest.slice(step.length);
  }
  return text;
}

interface Step {
  readonly text: string;
  /** Bytes taken. */
  readonly length: number;
}

function plainStep(bytes: string, length: number): Step | undefined {
  const text = decodeUtf8(bytes.slice(0, length));
  return text === undefined ? undefined : { text, length };
}

function specialStep(bytes: string): Step | undefined {
  if (bytes.startsWith("\xc0")) return bytes.length === 1 ? undefined : { text: "\0", length: 2 };
  if (bytes.length < 6) return plainStep(bytes, bytes.length);
  // A lone surrogate: no decoder accepts it.
  if (!pairAtStart.test(bytes)) return undefined;
  const bits = (i: number, mask: number): number => bytes.charCodeAt(i) & mask;
  const point = (bits(1, 0x0f) << 16) + (bits(2, 0x3f) << 10) + (bits(4, 0x0f) << 6) + bits(5, 0x3f) + 0x10000;
  return { text: String.fromCodePoint(point), length: 6 };
}
