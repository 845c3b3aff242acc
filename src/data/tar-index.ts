import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { DataError, DataLimitError, reasonOf } from "./data-error.ts";

/** A regular file in a tar. */
export interface TarMember {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

const block = 512;
const maxMembers = 10_000_000;
const maxMemberBytes = 2 ** 32;
/** Of a header that only carries a longer name or other attributes. */
const maxExtendedBytes = 1 << 20;

/**
 * The regular files of a tar (ustar, pax, GNU long names), by reading headers alone. Folders are passed over.
 * @throws {DataError} naming archive and member: links, devices, absolute names, `..`, NULs, duplicates, broken or truncated headers.
 */
export function tarMembers(path: string): readonly TarMember[] {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    throw new DataError(`${path}: cannot be opened (${reasonOf(error)})`, { cause: error });
  }
  try {
    const facts = fstatSync(file);
    if (!facts.isFile()) throw new DataError(`${path}: expected a regular file`);
    return new TarScan(path, file, facts.size).members();
  } finally {
    closeSync(file);
  }
}

/** What pax or GNU headers say of the member after them. */
interface Extension {
  readonly name?: string;
  readonly bytes?: number;
}

class TarScan {
  private readonly path: string;
  private readonly file: number;
  private readonly size: number;
  private readonly names = new Set<string>();

  constructor(path: string, file: number, size: number) {
    this.path = path;
    this.file = file;
    this.size = size;
  }

  members(): readonly TarMember[] {
    const found: TarMember[] = [];
    let ahead: Extension = {};
    for (let at = 0; at + block <= this.size; ) {
      const header = this.read(at, block);
      if (header.every((byte) => byte === 0)) return found;
      this.checkSum(header, at);
      const type = String.fromCharCode(header[156] ?? 0);
      const bytes = ahead.bytes ?? number(header, 124, 12);
      const name = ahead.name ?? ustarName(header);
      if (bytes === undefined || bytes > maxMemberBytes) throw this.problem(name, at, "its size is no number or too large");
      const from = at + block;
      if (from + bytes > this.size)
        throw this.problem(name, at, `the archive ends inside it (${bytes} bytes expected, ${this.size - from} left)`);
      at = from + Math.ceil(bytes / block) * block;
      if ("xgLK".includes(type)) {
        ahead = type === "g" ? ahead : { ...ahead, ...this.extension(type, from, bytes) };
        continue;
      }
      ahead = {};
      if (type === "5") continue;
      found.push(this.member(name, type, { name, offset: from, bytes }));
      if (found.length > maxMembers) throw new DataLimitError(`${this.path}: more than ${maxMembers} members`, "split the archive");
    }
    return found;
  }

  private member(name: string, type: string, member: TarMember): TarMember {
    if (type !== "0" && type !== "\0" && type !== "7")
      throw this.problem(name, member.offset - block, `it is a ${kinds[type] ?? `member of type "${type}"`}, only files are read`);
    if (name === "" || name.includes("\0")) throw this.problem(name, member.offset - block, "its name is empty or holds a NUL");
    if (/^([/\\]|[a-z]:)/i.test(name)) throw this.problem(name, member.offset - block, "its name is absolute");
    if (name.split(/[/\\]/).includes("..")) throw this.problem(name, member.offset - block, 'its name holds ".."');
    if (this.names.has(name)) throw this.problem(name, member.offset - block, "it occurs twice");
    this.names.add(name);
    return member;
  }

  private extension(type: string, from: number, bytes: number): Extension {
    if (bytes > maxExtendedBytes)
      throw new DataLimitError(
        `${this.path}: a header of ${bytes} bytes at ${from}, more than ${maxExtendedBytes}`,
        "the archive is damaged or hostile",
      );
    const data = this.read(from, bytes);
    if (type === "K") return {};
    if (type === "L") return { name: data.toString("utf8").replace(/\0+$/, "") };
    return paxRecords(data);
  }

  private checkSum(header: Buffer, at: number): void {
    let sum = 0;
    for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 32 : (header[i] ?? 0);
    if (number(header, 148, 8) !== sum)
      throw new DataError(`${this.path}: no tar header at byte ${at} (its checksum is wrong)`, { fix: "copy or make the archive again" });
  }

  private read(at: number, length: number): Buffer {
    const data = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const got = readSync(this.file, data, done, length - done, at + done);
      if (got === 0) throw new DataError(`${this.path}: ends at byte ${at + done}, inside a header`);
      done += got;
    }
    return data;
  }

  private problem(name: string, at: number, reason: string): DataError {
    return new DataError(`${this.path}: member "${name.replaceAll("\0", "\\0")}" at byte ${at}: ${reason}`, {
      fix: "make the archive again from regular files",
    });
  }
}

const kinds: Readonly<Record<string, string>> = {
  "1": "hard link",
  "2": "symbolic link",
  "3": "device",
  "4": "device",
  "6": "pipe",
  S: "sparse file",
};

/** An octal field, or GNU's binary one where the first bit is set. */
function number(header: Buffer, from: number, length: number): number | undefined {
  if (((header[from] ?? 0) & 0x80) !== 0) {
    let value = (header[from] ?? 0) & 0x7f;
    for (let i = from + 1; i < from + length; i++) value = value * 256 + (header[i] ?? 0);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const octal = header
    .toString("latin1", from, from + length)
    .replace(/[\0 ]+$/, "")
    .trim();
  if (octal === "") return 0;
  return /^[0-7]+$/.test(octal) ? Number.parseInt(octal, 8) : undefined;
}

function ustarName(header: Buffer): string {
  const text = (from: number, length: number): string => {
    const field = header.subarray(from, from + length);
    const end = field.indexOf(0);
    return field.toString("utf8", 0, end < 0 ? length : end);
  };
  const prefix = header.toString("latin1", 257, 262) === "ustar" && header[262] === 0 ? text(345, 155) : "";
  return prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`;
}

/** `<length> <key>=<value>\n`, the length counting itself. */
function paxRecords(data: Buffer): Extension {
  let extension: Extension = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(data.toString("latin1", at, space));
    if (!Number.isInteger(length) || length <= space - at || at + length > data.length) break;
    const [key = "", ...value] = data.toString("utf8", space + 1, at + length - 1).split("=");
    if (key === "path") extension = { ...extension, name: value.join("=") };
    if (key === "size") extension = { ...extension, bytes: Number(value.join("=")) };
    at += length;
  }
  return extension;
}
