import { basename } from "node:path";
import { z } from "zod";
import { DataError } from "../data-error.ts";
import { filesOf, namesake, namesFiles } from "../file-lists.ts";
import { indexedSource, settled, splitNamed, splitOf, type UnsettledSample } from "../indexed-source.ts";
import { ParquetFile } from "../parquet-file.ts";
import type { LeftOut, SourceDefinition } from "../source.ts";
import { commonOptions } from "../source-options.ts";

const options = z.strictObject({
  ...commonOptions,
  columns: z
    .strictObject({ image: z.string(), caption: z.string(), class: z.string() })
    .partial()
    .default({})
    .describe("names of columns, where they are not the usual ones"),
});
type Options = z.output<typeof options>;

const ending = /\.parquet$/i;
const captionColumns = ["title", "captions", "caption", "text", "sentences", "sentence"];
const classColumns = ["class", "class_name", "label", "labels", "fine_label"];

const parquet: SourceDefinition<typeof options> = {
  summary:
    "Parquet files with image bytes, as Hugging Face keeps data sets: image {bytes, path} or a binary column; captions; labels with their names.",
  options,
  recognises: (path) => namesFiles(path, ending),
  async open(given) {
    const samples: UnsettledSample[] = [];
    const leftOut: LeftOut[] = [];
    for (const path of filesOf(given.path, ending)) await addFile(await ParquetFile.open(path), given, { samples, leftOut });
    const { role, templates } = given;
    return [indexedSource({ name: given.name ?? namesake(given.path), role, templates, samples: settled(samples), leftOut })];
  },
};
export default parquet;

interface Found {
  readonly samples: UnsettledSample[];
  readonly leftOut: LeftOut[];
}

/** What a file's schema says. */
interface Layout {
  readonly image: string;
  readonly caption: string | undefined;
  readonly class: string | undefined;
  readonly classNames: readonly string[] | undefined;
}

async function addFile(file: ParquetFile, { columns, testShare }: Options, { samples, leftOut }: Found): Promise<void> {
  const { path } = file;
  const layout = layoutOf(file, columns);
  const captions = layout.caption === undefined ? [] : await file.column(layout.caption);
  const labels = layout.class === undefined ? [] : await file.column(layout.class);
  const shard = basename(path).replace(ending, "");
  const split = splitNamed(/^[a-z]+/i.exec(shard)?.[0] ?? "");
  // The images' own sizes are only known by reading them; the file's part of a row stands for them.
  const bytes = Number(file.metadata.row_groups.reduce((sum, group) => sum + group.total_byte_size, 0n));
  for (let row = 0; row < file.rows; row++) {
    const key = `${shard}/${String(row).padStart(7, "0")}`;
    const className = classOf(labels[row], layout.classNames);
    const texts = captionsOf(captions[row]);
    if (texts.length === 0 && className === undefined) {
      leftOut.push({ item: `${path} row ${row}`, reason: "neither a caption nor a class" });
      continue;
    }
    const image = { kind: "parquet", path, column: layout.image, row } as const;
    samples.push({
      key,
      ...(className === undefined ? {} : { className }),
      captions: texts,
      split: split ?? splitOf(key, testShare),
      image,
      bytes,
    });
  }
}

function layoutOf({ path, metadata }: ParquetFile, columns: Options["columns"]): Layout {
  const top = topLevel(metadata.schema);
  const names = top.map(({ name }) => name);
  for (const name of Object.values(columns))
    if (name !== undefined && !names.includes(name)) throw new DataError(`${path}: no column "${name}"; there are: ${names.join(", ")}`);
  const image = columns.image ?? top.find(({ isImage }) => isImage)?.name;
  if (image === undefined)
    throw new DataError(`${path}: no column with image bytes; there are: ${names.join(", ")}`, { fix: "name it: columns: {image: …}" });
  const caption = columns.caption ?? captionColumns.find((name) => names.includes(name));
  const label = columns.class ?? classColumns.find((name) => names.includes(name));
  return { image, caption, class: label, classNames: label === undefined ? undefined : labelNames(metadata.key_value_metadata, label) };
}

type Schema = ParquetFile["metadata"]["schema"];

/** The columns on top of the schema's flat list, and whether they hold bytes, alone or as `{bytes, path}`. */
function topLevel(schema: Schema): { readonly name: string; readonly isImage: boolean }[] {
  const found: { name: string; isImage: boolean }[] = [];
  const skip = (at: number): number => {
    let next = at + 1;
    for (let child = 0; child < (schema[at]?.num_children ?? 0); child++) next = skip(next);
    return next;
  };
  for (let at = 1, next = 1; at < schema.length; at = next) {
    next = skip(at);
    const leaves = schema.slice(at, next);
    const isBinary = ({ type, converted_type, logical_type }: Schema[number]): boolean =>
      type === "BYTE_ARRAY" && converted_type !== "UTF8" && logical_type?.type !== "STRING";
    const isImage = leaves.some((leaf, i) => isBinary(leaf) && (leaves.length === 1 || (i > 0 && leaf.name === "bytes")));
    found.push({ name: schema[at]?.name ?? "", isImage });
  }
  return found;
}

/** Names of a Hugging Face ClassLabel, from the metadata its library writes. */
function labelNames(metadata: ParquetFile["metadata"]["key_value_metadata"], column: string): readonly string[] | undefined {
  const json = metadata?.find(({ key }) => key === "huggingface")?.value;
  if (json === undefined) return undefined;
  const shape = z.object({ info: z.object({ features: z.record(z.string(), z.looseObject({ names: z.array(z.string()).optional() })) }) });
  try {
    return shape.safeParse(JSON.parse(json)).data?.info.features[column]?.names;
  } catch {
    return undefined;
  }
}

function captionsOf(value: unknown): readonly string[] {
  const texts = Array.isArray(value) ? value : [value];
  return texts.filter((text) => typeof text === "string").flatMap((text) => (text.trim() === "" ? [] : [text.trim()]));
}

function classOf(value: unknown, names: readonly string[] | undefined): string | undefined {
  if (typeof value === "string") return value.trim() === "" ? undefined : value.trim();
  if (typeof value !== "number" && typeof value !== "bigint") return undefined;
  return names?.[Number(value)] ?? String(value);
}
