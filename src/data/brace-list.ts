import { DataError, DataLimitError } from "./data-error.ts";

const maxPaths = 1_000_000;

/** Shell braces as WebDataset uses them: `{00000..00199}` (zeros are kept) and `{train,extra}`, any number of them, side by side. */
export function expandBraces(pattern: string): readonly string[] {
  const open = pattern.indexOf("{");
  if (open < 0) return [pattern];
  const close = pattern.indexOf("}", open);
  if (close < 0) throw new DataError(`${pattern}: a { is never closed`);
  const rests = expandBraces(pattern.slice(close + 1));
  const words = alternatives(pattern.slice(open + 1, close), pattern);
  if (words.length * rests.length > maxPaths) throw new DataLimitError(`${pattern}: names more than ${maxPaths} files`);
  return words.flatMap((word) => rests.map((rest) => pattern.slice(0, open) + word + rest));
}

function alternatives(inside: string, pattern: string): readonly string[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(inside);
  if (!range) return inside.split(",");
  const [first = "", last = ""] = range.slice(1);
  const count = Number(last) - Number(first) + 1;
  if (count < 1) throw new DataError(`${pattern}: the range {${inside}} goes downwards`);
  if (count > maxPaths) throw new DataLimitError(`${pattern}: names more than ${maxPaths} files`);
  return Array.from({ length: count }, (_, i) => String(Number(first) + i).padStart(first.length, "0"));
}
