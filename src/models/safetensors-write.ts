import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EvergreenError } from "../util/errors.ts";
import { type Dtype, dtypeBytes } from "./safetensors.ts";
import { WeightsFileError } from "./weights-file-error.ts";

type Chunks = Uint8Array | Promise<Uint8Array> | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** A tensor to be written. */
export interface TensorSource {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Its bytes, little-endian. A function is called when its turn comes, so that only one tensor need be in memory. */
  readonly data: Uint8Array | (() => Chunks);
}

/**
 * Writes a safetensors file: to a temporary name, synced, renamed, so that the file is there whole or not at all.
 * Tensors are laid out by falling value size and within that in the order given, so that each is aligned to its own
 * size (data begin at a multiple of 8). The same input gives the same bytes.
 * @throws {WeightsFileError} when a tensor's bytes do not match its shape; the file that was there before stays.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorSource[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const ordered = layout(tensors);
  const header = encodeHeader(path, ordered, metadata);
  await writeWhole(path, async (file) => {
    const out = new Gathered(file);
    await out.add(header);
    for (const tensor of ordered) await writeTensor(path, out, tensor);
    await out.end();
  });
}

/** Most of the shards' size in practice; what Hugging Face writes is of this order. */
const defaultShardBytes = 5_000_000_000;

/**
 * Writes `model-00001-of-0000N.safetensors` … and `model.safetensors.index.json` into `folder`, the index last.
 * Tensors keep their order; a shard is closed before it would pass `shardBytes` (default 5 GB).
 */
export async function writeShards(
  folder: string,
  tensors: readonly TensorSource[],
  options: { readonly metadata?: Readonly<Record<string, string>>; readonly shardBytes?: number } = {},
): Promise<void> {
  const shards: TensorSource[][] = [[]];
  let filled = 0;
  for (const tensor of tensors) {
    const bytes = tensorBytes(tensor);
    if (filled > 0 && filled + bytes > (options.shardBytes ?? defaultShardBytes)) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)?.push(tensor);
    filled += bytes;
  }
  await mkdir(folder, { recursive: true });
  const weightMap: Record<string, string> = {};
  const digits = (n: number): string => String(n).padStart(5, "0");
  for (const [i, shard] of shards.entries()) {
    const name = `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`;
    await writeSafetensors(join(folder, name), shard, options.metadata ?? {});
    for (const tensor of shard) weightMap[tensor.name] = name;
  }
  const totalSize = tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const index = `${JSON.stringify({ metadata: { total_size: totalSize }, weight_map: weightMap }, null, 2)}\n`;
  await writeWhole(join(folder, "model.safetensors.index.json"), (file) => file.writeFile(index));
}

function tensorBytes({ dtype, shape }: Pick<TensorSource, "dtype" | "shape">): number {
  return shape.reduce((product, side) => product * side, dtypeBytes[dtype]);
}

/** The order in which tensors lie in a file: by falling value size, within that as given. */
export function layout<T extends Pick<TensorSource, "dtype">>(tensors: readonly T[]): T[] {
  return [...tensors].sort((a, b) => dtypeBytes[b.dtype] - dtypeBytes[a.dtype]);
}

/** Length, JSON and padding of a file whose tensors lie in the order given. @throws {WeightsFileError} for a name given twice. */
export function encodeHeader(
  path: string,
  tensors: readonly Omit<TensorSource, "data">[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0)
    header.set("__metadata__", Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))));
  let end = 0;
  for (const { name, dtype, shape } of tensors) {
    if (header.has(name) || name === "__metadata__")
      throw new WeightsFileError(path, "duplicate", "is given twice or has a reserved name", { tensor: name });
    const begin = end;
    end += tensorBytes({ dtype, shape });
    if (!Number.isSafeInteger(end))
      throw new WeightsFileError(path, "shape", `has shape [${shape.join(", ")}], which cannot be stored`, { tensor: name });
    header.set(name, { dtype, shape, data_offsets: [begin, end] });
  }
  // Built by hand: a key such as "__proto__" or "1" would be lost or moved in an object.
  const json = `{${[...header].map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(",")}}`;
  const text = Buffer.from(json);
  const padded = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, 0x20);
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  text.copy(padded, 8);
  return padded;
}

async function writeTensor(path: string, out: Gathered, tensor: TensorSource): Promise<void> {
  const expected = tensorBytes(tensor);
  const given = await (typeof tensor.data === "function" ? tensor.data() : tensor.data);
  let written = 0;
  for await (const chunk of given instanceof Uint8Array ? [given] : given) {
    written += chunk.byteLength;
    if (written <= expected) await out.add(chunk);
  }
  if (written !== expected)
    throw new WeightsFileError(
      path,
      "write",
      `has ${written} bytes; ${tensor.dtype} of shape [${tensor.shape.join(", ")}] has ${expected}`,
      { tensor: tensor.name },
    );
}

/** Bytes of a write that is worth its call: shorter chunks are gathered. */
const gatheredBytes = 256 << 10;

/** Written bytes that are sent on to the disk while more are made, so that syncing the whole at its end is short. */
const sentOnBytes = 64 << 20;

/**
 * Gathers what is added into long writes. They are made by this thread: one beside it would take a processor from the threads that make the bytes, which wait for each other
 * (a merge of eight models takes as long, and a copy more).
 */
class Gathered {
  private readonly file: FileHandle;
  private readonly gathered = new Uint8Array(gatheredBytes);
  private filled = 0;
  private unsent = 0;
  private sending: Promise<void> | undefined;

  constructor(file: FileHandle) {
    this.file = file;
  }

  /** The bytes are the caller's again when this returns. */
  async add(data: Uint8Array): Promise<void> {
    if (this.filled + data.byteLength > gatheredBytes) await this.flush();
    if (data.byteLength >= gatheredBytes) return this.write(data);
    this.gathered.set(data, this.filled);
    this.filled += data.byteLength;
  }

  async end(): Promise<void> {
    await this.flush();
    await this.sending;
  }

  private async flush(): Promise<void> {
    await this.write(this.gathered.subarray(0, this.filled));
    this.filled = 0;
  }

  private async write(data: Uint8Array): Promise<void> {
    for (let done = 0; done < data.byteLength; ) done += writeSync(this.file.fd, data, done, Math.min(data.byteLength - done, sentOnBytes));
    this.unsent += data.byteLength;
    if (this.unsent < sentOnBytes) return;
    this.unsent = 0;
    await this.sending;
    this.sending = this.file.datasync();
    // Told by the await above, or at the end; without this a failure before it would end the process.
    this.sending.catch(() => undefined);
  }
}

/** Writes to an open file's end; Node refuses writes of 2 GiB. */
export function writeAll(file: number, data: Uint8Array): void {
  for (let done = 0; done < data.byteLength; ) done += writeSync(file, data, done, Math.min(data.byteLength - done, 2 ** 30));
}

async function writeWhole(path: string, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx");
    try {
      await fill(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof EvergreenError || !(error instanceof Error && "code" in error)) throw error;
    throw new WeightsFileError(path, "write", `cannot be written: ${error.message}`, { cause: error });
  }
  await syncFolder(dirname(path));
}

/** Makes the rename itself last. Folders cannot be synced on Windows. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
