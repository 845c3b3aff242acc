import { clipContextLength, tokenize } from "../models/tokenizer.ts";
import { UsageError } from "../util/errors.ts";
import { parse } from "./command.ts";
import { readList } from "./model-list.ts";
import { printPieces } from "./print-pieces.ts";

export const usage = {
  synopsis: "model tokenize TEXT … | --from LIST.jsonl",
  about: `CLIP's token ids, start and end included. A line a text; with --json {"ids": [[${clipContextLength} integers, padded with 0], …]}.`,
  flags: { from: { type: "string", help: "texts from a file: a JSON string a line" } },
  arguments: [0, Number.POSITIVE_INFINITY],
} as const;

/** `evergreen model tokenize`. Needs no engine. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags, rest } = parsed;
  const listed =
    flags.from === undefined
      ? []
      : readList(flags.from, (value) => (typeof value === "string" ? { value } : { expected: "a JSON string" }));
  const texts = [...rest, ...listed];
  if (texts.length === 0 && flags.from === undefined) throw new UsageError("no text", `usage: evergreen ${usage.synopsis}`);
  await printPieces(flags.json ? jsonRows(texts) : lines(texts));
  return 0;
}

function* jsonRows(texts: readonly string[]): Generator<string> {
  yield '{"ids": [';
  for (const [i, text] of texts.entries()) yield `${i === 0 ? "" : ", "}[${tokenize(text).join(", ")}]`;
  yield "]}\n";
}

/** Without the padding, which a person does not miss. */
function* lines(texts: readonly string[]): Generator<string> {
  for (const text of texts) {
    const ids = tokenize(text);
    yield `${ids.subarray(0, ids.findLastIndex((id) => id !== 0) + 1).join(" ")}\n`;
  }
}
