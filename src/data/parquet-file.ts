import { open } from "node:fs/promises";
import { type AsyncBuffer, type Compressors, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { DataError, DataLimitError, reasonOf } from "./data-error.ts";

/** A page that claims to unpack to more than this, or a footer larger than this, is refused. */
const maxPageBytes = 2 ** 30;
const maxFooterBytes = 2 ** 28;
/** Groups of rows whose wanted column is smaller than this are read at once and kept. */
const keptGroupBytes = 32 * 2 ** 20;
const keptGroups = 4;

/** Rows by number, a column at a time. The footer is read once; a few groups of rows stay in memory. */
export class ParquetFile {
  readonly path: string;
  readonly metadata: FileMetaData;
  private readonly file: AsyncBuffer;
  private readonly groups = new Map<string, Promise<readonly unknown[]>>();

  private constructor(path: string, file: AsyncBuffer, metadata: FileMetaData) {
    this.path = path;
    this.file = file;
    this.metadata = metadata;
  }

  /** @throws {DataError} when the file is no parquet file. */
  static async open(path: string): Promise<ParquetFile> {
    const file = await spansOf(path);
    const metadata = await parquetMetadataAsync(file).catch((error: unknown) => {
      throw asDataError(path, error);
    });
    return new ParquetFile(path, file, metadata);
  }

  get rows(): number {
    return Number(this.metadata.num_rows);
  }

  /** One column's values of all rows. */
  async column(name: string): Promise<readonly unknown[]> {
    return this.read(name, 0, this.rows);
  }

  /** One value. */
  async cell(name: string, row: number): Promise<unknown> {
    let start = 0;
    for (const group of this.metadata.row_groups) {
      const end = start + Number(group.num_rows);
      if (row >= start && row < end) {
        const wanted = group.columns.filter((column) => column.meta_data?.path_in_schema[0] === name);
        const bytes = wanted.reduce((sum, column) => sum + Number(column.meta_data?.total_uncompressed_size ?? 0), 0);
        const values = bytes > keptGroupBytes ? await this.read(name, row, row + 1) : await this.group(name, start, end);
        return values[bytes > keptGroupBytes ? 0 : row - start];
      }
      start = end;
    }
    throw new DataError(`${this.path}: expected row ${row}, the file has ${this.rows}`);
  }

  private group(name: string, start: number, end: number): Promise<readonly unknown[]> {
    const key = `${name}\0${start}`;
    const known = this.groups.get(key);
    this.groups.delete(key);
    const values = known ?? this.read(name, start, end);
    this.groups.set(key, values);
    const oldest = this.groups.keys().next().value;
    if (this.groups.size > keptGroups && oldest !== undefined) this.groups.delete(oldest);
    return values;
  }

  private async read(name: string, rowStart: number, rowEnd: number): Promise<readonly unknown[]> {
    const { file, metadata } = this;
    const options = { file, metadata, columns: [name], rowStart, rowEnd, utf8: false, useOffsetIndex: true, compressors: bounded };
    const rows = await parquetReadObjects(options).catch((error: unknown) => {
      throw asDataError(`${this.path} column "${name}"`, error);
    });
    return rows.map((row) => row[name] as unknown);
  }
}

/** The bytes of an image cell: a binary column, or Hugging Face's `{bytes, path}`. */
export function imageBytes(cell: unknown): Uint8Array | undefined {
  if (cell instanceof Uint8Array) return cell;
  if (cell === null || typeof cell !== "object" || !("bytes" in cell)) return undefined;
  return cell.bytes instanceof Uint8Array ? cell.bytes : undefined;
}

function asDataError(item: string, error: unknown): DataError {
  return error instanceof DataError ? error : new DataError(`${item}: not readable as parquet (${reasonOf(error)})`, { cause: error });
}

async function spansOf(path: string): Promise<AsyncBuffer> {
  const handle = await open(path, "r").catch((error: unknown) => {
    throw new DataError(`${path}: cannot be opened (${reasonOf(error)})`, { cause: error });
  });
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new DataError(`${path}: expected a regular file`);
    const tail = Buffer.alloc(8);
    if (facts.size >= 12) await handle.read(tail, 0, 8, facts.size - 8);
    if (tail.toString("latin1", 4) !== "PAR1") throw new DataError(`${path}: expected a parquet file, its end is not PAR1`);
    const footer = tail.readUInt32LE(0);
    if (footer > Math.min(maxFooterBytes, facts.size - 12))
      throw new DataLimitError(`${path}: the footer claims ${footer} bytes of ${facts.size}`, "the file is damaged; write it again");
    return { byteLength: facts.size, slice: (start, end) => readSpan(path, start, end ?? facts.size) };
  } finally {
    await handle.close();
  }
}

/** Opened for each span: a reader may live as long as a process, and thousands of shards would hold thousands of descriptors. */
async function readSpan(path: string, start: number, end: number): Promise<ArrayBuffer> {
  if (end < start || end - start > maxPageBytes * 4)
    throw new DataLimitError(`${path}: a span of ${end - start} bytes at ${start} was asked for`);
  const handle = await open(path, "r");
  try {
    const data = new Uint8Array(end - start);
    const { bytesRead } = await handle.read(data, 0, data.byteLength, start);
    if (bytesRead < data.byteLength)
      throw new DataError(`${path}: expected ${data.byteLength} bytes at ${start}, the file ends after ${bytesRead}`);
    return data.buffer;
  } finally {
    await handle.close();
  }
}

const bounded: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([codec, unpack]) => [
    codec,
    (input: Uint8Array, length: number) => {
      // No codec packs a thousandfold but for empty data; brotli and zstd of constant pages come near it.
      if (length > maxPageBytes || length > input.byteLength * 100_000 + 65_536)
        throw new DataLimitError(
          `a ${codec} page of ${input.byteLength} bytes claims to unpack to ${length}`,
          "the file is damaged or hostile",
        );
      return unpack(input, length);
    },
  ]),
);
