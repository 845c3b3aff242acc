import { readFileSync, statSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { DataError, DataLimitError, reasonOf } from "./data-error.ts";

/** A variable of a MATLAB file. Numbers stand column by column, as MATLAB keeps them. */
export type MatValue =
  | { readonly kind: "numbers"; readonly dims: readonly number[]; readonly values: ArrayLike<number>; readonly bytes?: Uint8Array }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "cells"; readonly cells: readonly MatValue[] }
  | { readonly kind: "struct"; readonly rows: readonly Readonly<Record<string, MatValue>>[] };

const maxFileBytes = 2 ** 31;
/** What one compressed variable may unpack to: the images of SVHN's extra part are the largest that are known, 1.6 GB; those of its training part have 225 MB. */
const maxVariableBytes = 2 ** 30;
const maxDepth = 8;
const maxElements = 10_000_000;

/**
 * The variables of a MATLAB 5 file (what MATLAB writes by default up to 2 GB): numbers, texts, cells and structs, packed or not. It is data alone; nothing in it
 * is run. Objects, functions and sparse matrices are refused.
 * @throws {DataError} naming file and variable.
 */
export function readMatFile(path: string): ReadonlyMap<string, MatValue> {
  const facts = statSync(path, { throwIfNoEntry: false });
  if (!facts?.isFile()) throw new DataError(`${path}: there is no such file`);
  if (facts.size > maxFileBytes) throw new DataLimitError(`${path}: ${facts.size} bytes are too many for a MATLAB 5 file`);
  const data = readFileSync(path);
  if (data.length < 128 || data.toString("latin1", 126, 128) !== "IM")
    throw new DataError(`${path}: expected a MATLAB 5 file of a little-endian machine`, {
      fix: "files of version 7.3 are HDF5: save it again with -v7",
    });
  const found = new Map<string, MatValue>();
  for (const element of elementsOf(path, data.subarray(128))) {
    const { type, body } = element.type === types.compressed ? unpacked(path, element.body) : element;
    if (type !== types.matrix) continue;
    const { name, value } = new MatrixReader(path, body).read(0);
    found.set(name, value);
  }
  return found;
}

const types = { int8: 1, uint8: 2, compressed: 15, matrix: 14 } as const;
const classes = { cell: 1, struct: 2, char: 4, firstNumber: 6, lastNumber: 15 } as const;

interface Element {
  readonly type: number;
  readonly body: Uint8Array;
}

function unpacked(path: string, body: Uint8Array): Element {
  let data: Buffer;
  try {
    data = inflateSync(body, { maxOutputLength: maxVariableBytes });
  } catch (error) {
    throw new DataError(`${path}: a packed variable cannot be unpacked (${reasonOf(error)})`, { cause: error });
  }
  const [first] = elementsOf(path, data);
  if (!first) throw new DataError(`${path}: a packed variable holds nothing`);
  return first;
}

function elementsOf(path: string, data: Uint8Array): readonly Element[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const found: Element[] = [];
  for (let at = 0; at + 8 <= data.length; ) {
    const word = view.getUint32(at, true);
    const isSmall = word >>> 16 !== 0;
    const type = isSmall ? word & 0xffff : word;
    const length = isSmall ? word >>> 16 : view.getUint32(at + 4, true);
    const from = at + (isSmall ? 4 : 8);
    if (from + length > data.length || (isSmall && length > 4))
      throw new DataError(`${path}: an element claims ${length} bytes where ${data.length - from} are left`, {
        fix: "fetch the file again",
      });
    found.push({ type, body: data.subarray(from, from + length) });
    if (found.length > maxElements) throw new DataLimitError(`${path}: more than ${maxElements} elements`);
    at = isSmall ? at + 8 : from + (type === types.compressed ? length : Math.ceil(length / 8) * 8);
  }
  return found;
}

class MatrixReader {
  private readonly path: string;
  private readonly parts: readonly Element[];
  private at = 0;

  constructor(path: string, body: Uint8Array) {
    this.path = path;
    this.parts = elementsOf(path, body);
  }

  read(depth: number): { readonly name: string; readonly value: MatValue } {
    if (depth > maxDepth) throw new DataLimitError(`${this.path}: cells and structs are nested deeper than ${maxDepth}`);
    if (this.parts.length === 0) return { name: "", value: { kind: "numbers", dims: [0, 0], values: [] } };
    const kind = (this.next().body[0] ?? 0) & 0xff;
    const dims = Array.from(numbersOf(this.path, this.next()));
    const name = textOf(this.next());
    const count = dims.reduce((a, b) => a * b, 1);
    if (!Number.isSafeInteger(count) || count < 0 || count > maxVariableBytes)
      throw this.problem(name, `has dimensions ${dims.join(" x ")}`);
    return { name, value: this.value({ kind, dims, count, name, depth }) };
  }

  private value(head: {
    readonly kind: number;
    readonly dims: readonly number[];
    readonly count: number;
    readonly name: string;
    readonly depth: number;
  }): MatValue {
    const { kind, dims, count, name, depth } = head;
    if (kind === classes.cell) return { kind: "cells", cells: this.nested(count, depth) };
    if (kind === classes.struct) return { kind: "struct", rows: this.rows(count, depth) };
    if (kind === classes.char) return { kind: "text", text: count === 0 ? "" : textOf(this.next()) };
    if (kind < classes.firstNumber || kind > classes.lastNumber)
      throw this.problem(name, `is of class ${kind}, only numbers, texts, cells and structs are read`);
    const part = this.next();
    const values = numbersOf(this.path, part);
    if (values.length !== count) throw this.problem(name, `has ${values.length} values, its dimensions say ${count}`);
    return { kind: "numbers", dims, values, ...(part.type === types.uint8 ? { bytes: part.body } : {}) };
  }

  private nested(count: number, depth: number): readonly MatValue[] {
    if (count > maxElements) throw new DataLimitError(`${this.path}: more than ${maxElements} cells`);
    return Array.from({ length: count }, () => new MatrixReader(this.path, this.next().body).read(depth + 1).value);
  }

  private rows(count: number, depth: number): readonly Readonly<Record<string, MatValue>>[] {
    const width = numbersOf(this.path, this.next())[0] ?? 0;
    const names = textOf(this.next());
    if (width < 1 || names.length % width !== 0) throw new DataError(`${this.path}: a struct whose field names do not fit their width`);
    const fields = Array.from({ length: names.length / width }, (_, i) => names.slice(i * width, (i + 1) * width).replace(/\0.*$/s, ""));
    const values = this.nested(count * fields.length, depth);
    return Array.from({ length: count }, (_, row) => {
      const entries = fields.map((field, i) => [field, values[row * fields.length + i] ?? { kind: "text", text: "" }] as const);
      return Object.fromEntries(entries);
    });
  }

  private next(): Element {
    const part = this.parts[this.at++];
    if (!part) throw new DataError(`${this.path}: a variable ends before all its parts`, { fix: "fetch the file again" });
    return part;
  }

  private problem(name: string, reason: string): DataError {
    return new DataError(`${this.path}: variable "${name}" ${reason}`);
  }
}

const readers: Readonly<Record<number, { readonly bytes: number; read(view: DataView, at: number): number }>> = {
  1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  2: { bytes: 1, read: (view, at) => view.getUint8(at) },
  3: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  4: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  5: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  6: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  7: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  9: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};

/** Numbers are often kept in a smaller type than the variable's own. */
function numbersOf(path: string, { type, body }: Element): ArrayLike<number> {
  if (type === types.uint8) return body;
  const reader = readers[type];
  if (!reader) throw new DataError(`${path}: numbers of type ${type} are not read`);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return Float64Array.from({ length: Math.floor(body.length / reader.bytes) }, (_, i) => reader.read(view, i * reader.bytes));
}

function textOf({ type, body }: Element): string {
  const isWide = type === 4 || type === 17;
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString(isWide ? "utf16le" : "utf8");
}
