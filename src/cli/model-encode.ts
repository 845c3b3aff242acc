import { dirname, resolve } from "node:path";
import type { EmbeddingRows, Embeddings } from "../pipeline/encode.ts";
import { UsageError } from "../util/errors.ts";
import { parse, storeFlags } from "./command.ts";
import { readList, spreadFlags } from "./model-list.ts";
import { findModelFile, modelReferenceHelp } from "./model-reference.ts";
import { writeEmbeddings } from "./model-vectors.ts";
import { printPieces } from "./print-pieces.ts";

export const usage = {
  synopsis: "model encode --model MODEL --image FILE … --text TEXT … [--from LIST.jsonl] [--json | --out FILE]",
  about: [
    "Embeds images and texts; rows of unit length, each side in the order given, those of --from last.",
    'With --json {"image": [[…]], "text": [[…]]}, else a line a row: side, item, values, with tabs between them.',
    "--out FILE.safetensors holds `image` and `text`; FILE.npy one side, or two files FILE.image.npy and FILE.text.npy. All are float32.",
  ].join("\n"),
  flags: {
    model: { type: "string", short: "m", help: modelReferenceHelp },
    arch: { type: "string", help: "architecture, where the weights leave a choice" },
    image: { type: "string", multiple: true, help: "image files" },
    text: { type: "string", multiple: true, help: "texts" },
    from: { type: "string", help: 'a JSONL file of {"image": PATH} and {"text": TEXT}; paths are relative to it' },
    precision: { type: "string", help: "fp32 (default) or bf16" },
    "batch-size": { type: "string", help: "rows computed at a time, default 64" },
    out: { type: "string", help: "write to this .safetensors or .npy file" },
    runs: storeFlags.runs,
  },
} as const;

/** Images and texts to embed. */
interface Items {
  readonly images: readonly string[];
  readonly texts: readonly string[];
}

/** `evergreen model encode`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(spreadFlags(argv, ["image", "text"]), usage);
  if (!parsed) return 0;
  const { flags } = parsed;
  if (flags.model === undefined) throw new UsageError("no model", `--model MODEL: ${modelReferenceHelp}`);
  const precision = flags.precision ?? "fp32";
  if (precision !== "fp32" && precision !== "bf16") throw new UsageError(`--precision ${precision}: expected fp32 or bf16`);
  const batchSize = Number(flags["batch-size"] ?? 64);
  if (!Number.isSafeInteger(batchSize) || batchSize < 1)
    throw new UsageError(`--batch-size ${flags["batch-size"]}: expected a whole number from 1`);
  if (flags.out !== undefined && !/\.(safetensors|npy)$/.test(flags.out))
    throw new UsageError(`--out ${flags.out}: expected a name that ends in .safetensors or .npy`);
  const items = gather(flags.image ?? [], flags.text ?? [], flags.from);
  if (items.images.length + items.texts.length === 0)
    throw new UsageError("nothing to embed", "give --image FILE …, --text TEXT … or --from LIST.jsonl");
  const path = findModelFile(flags.model, flags.runs);
  const { encode, loadForUse } = await import("../pipeline/encode.ts");
  const loaded = await loadForUse(path, { arch: flags.arch, env: process.env });
  const embeddings = await encode(loaded, items, { precision, batchSize });
  if (flags.out !== undefined) {
    const written = await writeEmbeddings(flags.out, embeddings);
    if (!flags.quiet) process.stderr.write(`wrote ${written.join(" and ")}\n`);
  }
  if (flags.json) await printPieces(jsonRows(embeddings));
  else if (flags.out === undefined) await printPieces(lines(embeddings, items));
  return 0;
}

function gather(images: readonly string[], texts: readonly string[], from: string | undefined): Items {
  const listed = from === undefined ? [] : readList(from, rowOf);
  const folder = from === undefined ? "" : dirname(from);
  return {
    images: [...images, ...listed.flatMap((row) => ("image" in row ? [resolve(folder, row.image)] : []))],
    texts: [...texts, ...listed.flatMap((row) => ("text" in row ? [row.text] : []))],
  };
}

type Row = { readonly image: string } | { readonly text: string };

function rowOf(value: unknown): { readonly value: Row } | { readonly expected: string } {
  const entries = typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  const [name, content] = entries[0] ?? [];
  if (entries.length === 1 && typeof content === "string") {
    if (name === "image") return { value: { image: content } };
    if (name === "text") return { value: { text: content } };
  }
  return { expected: '{"image": PATH} or {"text": TEXT}' };
}

/** Every value as the double that equals it, so that a reader gets the same float32 back. */
function* jsonRows({ image, text }: Embeddings): Generator<string> {
  yield '{"image": [';
  yield* joined(image);
  yield '], "text": [';
  yield* joined(text);
  yield "]}\n";
}

function* joined(side: EmbeddingRows): Generator<string> {
  for (let row = 0; row < side.rows; row++) yield `${row === 0 ? "" : ", "}[${valuesOf(side, row).join(", ")}]`;
}

function* lines({ image, text }: Embeddings, { images, texts }: Items): Generator<string> {
  for (const [name, side, items] of [
    ["image", image, images],
    ["text", text, texts],
  ] as const)
    for (const [row, item] of items.entries()) yield `${name}\t${JSON.stringify(item).slice(1, -1)}\t${valuesOf(side, row).join(" ")}\n`;
}

const valuesOf = ({ values, width }: EmbeddingRows, row: number): Float32Array => values.subarray(row * width, (row + 1) * width);
