import { type FileHandle, open, stat } from "node:fs/promises";
import { plainOrQuoted, quoted } from "../util/quoted.ts";
import { duplicateKey } from "./duplicate-key.ts";
import { foreignFormat } from "./foreign-format.ts";
import { WeightsFileError } from "./weights-file-error.ts";

/** Bytes of one value of each type that is read; F32, F16 and BF16 are weights, the others appear as buffers. */
export const dtypeBytes = { F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, U8: 1, BOOL: 1 } as const;
export type Dtype = keyof typeof dtypeBytes;

/** Where one tensor lies. Plain data, so that whoever maps the file needs nothing else. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  /** Empty for a scalar. */
  readonly shape: readonly number[];
  readonly path: string;
  /** From the start of the file, not of its data. */
  readonly offset: number;
  readonly bytes: number;
}

export interface SafetensorsHeader {
  /** In the order of their bytes. Nothing may depend on this order: it is the writer's. */
  readonly entries: readonly TensorEntry[];
  /** `__metadata__`, empty when absent. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The format's own limit. */
const largestHeader = 100_000_000;

/**
 * Reads and checks a safetensors file's header; the tensors' bytes are not touched.
 * Tensors must fill the file's data without overlap, gap or remainder, as the format demands.
 * @throws {WeightsFileError} for any file that breaks the format, naming file and tensor.
 */
export async function readHeader(path: string): Promise<SafetensorsHeader> {
  const file = await openRegular(path);
  try {
    const { size } = await file.stat();
    const text = await headerText(file, { path, size });
    return parseHeader(text.json, { path, dataStart: text.end, size });
  } finally {
    await file.close();
  }
}

/**
 * The bytes of one tensor, little-endian as stored.
 * @throws {WeightsFileError} when the file became shorter since its header was read.
 */
export async function readBytes(entry: TensorEntry): Promise<Uint8Array> {
  const file = await openRegular(entry.path);
  try {
    return await readExactly(file, entry.offset, entry.bytes, entry.path);
  } finally {
    await file.close();
  }
}

async function openRegular(path: string): Promise<FileHandle> {
  try {
    // Opening a pipe would wait for its writer for ever.
    const found = await stat(path);
    if (!found.isFile()) throw new WeightsFileError(path, "unreadable", "expected a file, got a folder, pipe or device");
    return await open(path, "r");
  } catch (error) {
    if (error instanceof WeightsFileError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    throw new WeightsFileError(path, "unreadable", code === "ENOENT" ? "there is no such file" : `cannot be opened: ${String(error)}`, {
      cause: error,
    });
  }
}

async function readExactly(file: FileHandle, offset: number, bytes: number, path: string): Promise<Uint8Array> {
  const target = new Uint8Array(bytes);
  let done = 0;
  while (done < bytes) {
    // One read call moves at most 2 GiB.
    const { bytesRead } = await file.read(target, done, Math.min(bytes - done, 2 ** 30), offset + done);
    if (bytesRead === 0)
      throw new WeightsFileError(path, "truncated", `the file ends at byte ${offset + done}, expected ${offset + bytes}`);
    done += bytesRead;
  }
  return target;
}

async function headerText(file: FileHandle, { path, size }: { path: string; size: number }): Promise<{ json: string; end: number }> {
  const foreign = await foreignFormat(file, path, size);
  if (foreign) throw foreign;
  if (size < 8) throw new WeightsFileError(path, "truncated", `${size} bytes long; even an empty safetensors file has 10`);
  const prefix = Buffer.from(await readExactly(file, 0, 8, path));
  const length = prefix.readBigUInt64LE();
  if (length > largestHeader)
    throw new WeightsFileError(
      path,
      "header",
      `says its header has ${length} bytes; at most ${largestHeader} are allowed. It may not be a safetensors file`,
    );
  const end = 8 + Number(length);
  if (end > size) throw new WeightsFileError(path, "truncated", `its header ends at byte ${end}, the file at ${size}`);
  const raw = await readExactly(file, 8, Number(length), path);
  if (raw[0] !== 0x7b) throw new WeightsFileError(path, "header", 'its header does not begin with "{"; it may not be a safetensors file');
  try {
    return { json: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw), end };
  } catch (cause) {
    throw new WeightsFileError(path, "header", "its header is not UTF-8", { cause });
  }
}

interface Extent {
  readonly path: string;
  readonly dataStart: number;
  readonly size: number;
}

function parseHeader(json: string, extent: Extent): SafetensorsHeader {
  const { path } = extent;
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(json);
  } catch (cause) {
    throw new WeightsFileError(path, "header", "its header is not JSON", { cause });
  }
  const twice = duplicateKey(json);
  if (twice !== undefined) throw new WeightsFileError(path, "duplicate", `the key ${quoted(twice)} occurs twice in its header`);
  const { __metadata__: metadata, ...tensors } = header;
  const entries = Object.entries(tensors).map(([name, value]) => parseEntry(name, value, extent));
  entries.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  checkTiling(entries, extent);
  return { entries, metadata: parseMetadata(metadata, path) };
}

function parseMetadata(value: unknown, path: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value)) throw new WeightsFileError(path, "header", "__metadata__ is not an object");
  const wrong = Object.entries(value).find(([, item]) => typeof item !== "string");
  if (wrong) throw new WeightsFileError(path, "header", `__metadata__.${plainOrQuoted(wrong[0])} is not a string`);
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, { path, dataStart }: Extent): TensorEntry {
  const fail = (problem: "header" | "dtype" | "shape" | "offsets", message: string): never => {
    throw new WeightsFileError(path, problem, message, { tensor: name });
  };
  if (!isRecord(value)) return fail("header", "is not an object with dtype, shape and data_offsets");
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return fail("header", `has an unknown key ${quoted(unknown)}`);
  if (typeof dtype !== "string" || !Object.hasOwn(dtypeBytes, dtype))
    return fail("dtype", `has dtype ${shorten(String(JSON.stringify(dtype)))}; known: ${Object.keys(dtypeBytes).join(", ")}`);
  if (!isSizes(shape))
    return fail("shape", `has shape ${shorten(String(JSON.stringify(shape)))}; expected whole numbers from 0 to 2^53 - 1`);
  if (!isSizes(offsets) || offsets.length !== 2)
    return fail("offsets", `has data_offsets ${shorten(String(JSON.stringify(offsets)))}; expected two whole numbers from 0 to 2^53 - 1`);
  const [begin, end] = offsets as readonly [number, number];
  const expected = shape.reduce((product, side) => product * side, dtypeBytes[dtype as Dtype]);
  if (!Number.isSafeInteger(expected)) return fail("shape", `has shape [${shorten(shape.join(", "))}], which is over 2^53 - 1 bytes`);
  if (end - begin !== expected)
    return fail(
      "offsets",
      `has data_offsets [${begin}, ${end}], which is ${end - begin} bytes; ${dtype} of shape [${shorten(shape.join(", "))}] has ${expected}`,
    );
  if (!Number.isSafeInteger(dataStart + end)) return fail("offsets", `ends at byte ${end}, which is over 2^53 - 1`);
  return { name, dtype: dtype as Dtype, shape, path, offset: dataStart + begin, bytes: expected };
}

function checkTiling(entries: readonly TensorEntry[], { path, dataStart, size }: Extent): void {
  let end = dataStart;
  let previous = "the header";
  for (const { name, offset, bytes } of entries) {
    if (offset < end)
      throw new WeightsFileError(path, "overlap", `begins at byte ${offset}, before the end of ${previous} at ${end}`, { tensor: name });
    if (offset > end)
      throw new WeightsFileError(path, "gap", `begins at byte ${offset}; ${previous} ends at ${end}, and nothing may lie between`, {
        tensor: name,
      });
    end = offset + bytes;
    if (end > size)
      throw new WeightsFileError(path, "truncated", `ends at byte ${end}, the file at ${size}`, {
        tensor: name,
        fix: "the file was not copied or downloaded completely; fetch it again",
      });
    previous = quoted(name);
  }
  if (end < size) throw new WeightsFileError(path, "trailing", `${size - end} bytes follow the last tensor's`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) && value.length <= 64 && value.every((item) => typeof item === "number" && Number.isSafeInteger(item) && item >= 0)
  );
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
