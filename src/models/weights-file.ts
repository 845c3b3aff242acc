import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { quoted } from "../util/quoted.ts";
import { duplicateKey } from "./duplicate-key.ts";
import { readHeader, type SafetensorsHeader, type TensorEntry } from "./safetensors.ts";
import { WeightsFileError } from "./weights-file-error.ts";

/** One model's tensors, in one file or many. */
export interface Weights extends SafetensorsHeader {
  /** Files that hold them, in the order of the index. */
  readonly files: readonly string[];
}

/**
 * Opens `model.safetensors` or `model.safetensors.index.json`.
 * @throws {WeightsFileError} also when the index and its shards do not name the same tensors.
 */
export async function openWeights(path: string): Promise<Weights> {
  if (!path.endsWith(".index.json")) return { files: [path], ...(await readHeader(path)) };
  const weightMap = await readIndex(path);
  const shards = [...new Set(Object.values(weightMap))];
  const headers = new Map<string, SafetensorsHeader>();
  for (const shard of shards) headers.set(shard, await readHeader(join(dirname(path), shard)));
  for (const [shard, { entries }] of headers) checkShard(path, weightMap, shard, entries);
  return {
    files: shards.map((shard) => join(dirname(path), shard)),
    entries: [...headers.values()].flatMap((header) => header.entries),
    metadata: Object.assign({}, ...[...headers.values()].map((header) => header.metadata)),
  };
}

function checkShard(path: string, weightMap: Readonly<Record<string, string>>, shard: string, entries: readonly TensorEntry[]): void {
  const found = new Set(entries.map((entry) => entry.name));
  const missing = Object.entries(weightMap).find(([name, file]) => file === shard && !found.has(name))?.[0];
  if (missing !== undefined) throw new WeightsFileError(path, "index", `should be in ${shard} but is not`, { tensor: missing });
  const extra = entries.find((entry) => !Object.hasOwn(weightMap, entry.name) || weightMap[entry.name] !== shard)?.name;
  if (extra !== undefined) throw new WeightsFileError(path, "index", `is in ${shard}, where the index does not have it`, { tensor: extra });
}

async function readIndex(path: string): Promise<Record<string, string>> {
  let map: unknown;
  try {
    const text = await readFile(path, "utf8");
    map = (JSON.parse(text) as { weight_map?: unknown } | null)?.weight_map;
    const twice = duplicateKey(text);
    if (twice !== undefined) throw new WeightsFileError(path, "duplicate", `the key ${quoted(twice)} occurs twice`);
  } catch (cause) {
    if (cause instanceof WeightsFileError) throw cause;
    throw new WeightsFileError(path, "index", `cannot be read: ${String(cause)}`, { cause });
  }
  if (typeof map !== "object" || map === null || Array.isArray(map)) throw new WeightsFileError(path, "index", "has no weight_map");
  for (const [tensor, file] of Object.entries(map))
    if (!isShardName(file))
      throw new WeightsFileError(
        path,
        "index",
        `is said to be in ${quoted(typeof file === "string" ? file : JSON.stringify(file))}; expected the name of a .safetensors file beside the index`,
        { tensor },
      );
  return map as Record<string, string>;
}

/** A file's name beside the index, as long as file systems take and without what a terminal acts on. */
const isShardName = (file: unknown): file is string =>
  typeof file === "string" && basename(file) === file && file.endsWith(".safetensors") && file.length <= 255 && !/[\p{Cc}\\]/u.test(file);
