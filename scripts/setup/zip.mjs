// @ts-check
import { closeSync, createReadStream, createWriteStream, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { SetupFailure } from "./failure.mjs";

/** @typedef {{ name: string, method: number, crc: number, packed: number, size: number, offset: number, flags: number, mode: number }} Entry */

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const longestEnd = 22 + 0xffff;
const largestDirectory = 256 << 20;
/** Up to here an entry is unpacked in memory, which is several times as fast for ten thousand headers. */
const smallEntry = 4 << 20;

/**
 * Unpacks the chosen entries of a zip archive into a folder and verifies the size and CRC of each.
 * @param {string} file
 * @param {string} folder
 * @param {(name: string) => boolean} take
 * @param {(bytes: number, files: number) => void} [onProgress] unpacked so far
 * @returns {Promise<Map<string, number>>} sizes of what was unpacked, by name
 * @throws {SetupFailure} EG-4101 when the archive is damaged or names a place outside the folder
 */
export async function unpackZip(file, folder, take, onProgress) {
  const descriptor = openSync(file, "r");
  try {
    const sizes = new Map();
    let bytes = 0;
    for (const entry of readDirectory(descriptor, file)) {
      if (entry.name.endsWith("/") || !take(entry.name)) continue;
      checkEntry(entry, file);
      if (sizes.has(entry.name)) throw damaged(file, `${entry.name} is there twice`);
      await unpackEntry({ descriptor, file, entry, target: join(folder, entry.name) });
      sizes.set(entry.name, entry.size);
      bytes += entry.size;
      onProgress?.(bytes, sizes.size);
    }
    return sizes;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * @param {string} file
 * @param {string} what
 */
function damaged(file, what) {
  return new SetupFailure(
    "data",
    "EG-4101",
    `${file} is not a sound archive: ${what}`,
    "delete it and run the same command again; it is fetched anew",
  );
}

/**
 * @param {number} descriptor
 * @param {string} file
 * @returns {Entry[]}
 */
function readDirectory(descriptor, file) {
  const length = fstatSync(descriptor).size;
  const tailStart = Math.max(0, length - longestEnd);
  const tail = readExactly(descriptor, { at: tailStart, length: length - tailStart, file });
  const place = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (place < 0 || place + 22 > tail.length || tail.readUInt32LE(place) !== endSignature) throw damaged(file, "it has no directory");
  let count = tail.readUInt16LE(place + 10);
  let size = tail.readUInt32LE(place + 12);
  let offset = tail.readUInt32LE(place + 16);
  if (place >= 20 && tail.readUInt32LE(place - 20) === locator64Signature) {
    const end = readExactly(descriptor, { at: toNumber(tail.readBigUInt64LE(place - 12), file), length: 56, file });
    if (end.readUInt32LE(0) !== end64Signature) throw damaged(file, "its zip64 directory is missing");
    count = toNumber(end.readBigUInt64LE(32), file);
    size = toNumber(end.readBigUInt64LE(40), file);
    offset = toNumber(end.readBigUInt64LE(48), file);
  }
  if (size > largestDirectory || offset + size > length) throw damaged(file, "its directory lies outside the file");
  return parseDirectory(readExactly(descriptor, { at: offset, length: size, file }), count, file);
}

/**
 * @param {Buffer} directory
 * @param {number} count
 * @param {string} file
 */
function parseDirectory(directory, count, file) {
  const entries = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== centralSignature) throw damaged(file, `directory entry ${i} is torn`);
    const nameLength = directory.readUInt16LE(at + 28);
    const extraLength = directory.readUInt16LE(at + 30);
    const next = at + 46 + nameLength + extraLength + directory.readUInt16LE(at + 32);
    if (next > directory.length) throw damaged(file, `directory entry ${i} is torn`);
    const extra = directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
    const wide = wideFields(directory, { at, extra, file });
    entries.push({
      name: directory.toString("utf8", at + 46, at + 46 + nameLength),
      flags: directory.readUInt16LE(at + 8),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      mode: directory.readUInt16LE(at + 40),
      ...wide,
    });
    at = next;
  }
  return entries;
}

/**
 * Sizes and offset, from the zip64 field where the 32-bit ones are full.
 * @param {Buffer} directory
 * @param {{ at: number, extra: Buffer, file: string }} place
 */
function wideFields(directory, { at, extra, file }) {
  const narrow = [directory.readUInt32LE(at + 24), directory.readUInt32LE(at + 20), directory.readUInt32LE(at + 42)];
  const field = extraField(extra, 1);
  let used = 0;
  const [size, packed, offset] = narrow.map((value) => {
    if (value !== 0xffffffff) return value;
    if (field === undefined || used + 8 > field.length) throw damaged(file, "a zip64 field is missing");
    used += 8;
    return toNumber(field.readBigUInt64LE(used - 8), file);
  });
  return { size: size ?? 0, packed: packed ?? 0, offset: offset ?? 0 };
}

/**
 * @param {Buffer} extra
 * @param {number} id
 */
function extraField(extra, id) {
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === id) return extra.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return undefined;
}

/**
 * @param {Entry} entry
 * @param {string} file
 */
function checkEntry({ name, flags, method, mode }, file) {
  const parts = name.split("/");
  const outside = name.includes("\0") || name.includes("\\") || /^([a-z]:|\/)/i.test(name) || parts.includes("..") || parts.includes("");
  if (outside) throw damaged(file, `the name ${JSON.stringify(name)} leads outside the folder`);
  if ((mode & 0o170000) === 0o120000) throw damaged(file, `${name} is a link`);
  if ((flags & 1) !== 0) throw damaged(file, `${name} is encrypted`);
  if (method !== 0 && method !== 8) throw damaged(file, `${name} is packed by the unknown method ${method}`);
}

/** @param {{ descriptor: number, file: string, entry: Entry, target: string }} place */
async function unpackEntry({ descriptor, file, entry, target }) {
  const header = readExactly(descriptor, { at: entry.offset, length: 30, file });
  const nameLength = header.readUInt16LE(26);
  const name = readExactly(descriptor, { at: entry.offset + 30, length: nameLength, file }).toString("utf8");
  if (header.readUInt32LE(0) !== localSignature || name !== entry.name) throw damaged(file, `the header of ${entry.name} is torn`);
  const start = entry.offset + 30 + nameLength + header.readUInt16LE(28);
  mkdirSync(dirname(target), { recursive: true });
  if (entry.size > smallEntry || entry.packed > smallEntry) return streamEntry({ file, entry, start, target });
  const packed = readExactly(descriptor, { at: start, length: entry.packed, file });
  const content = entry.method === 0 ? packed : inflate(packed, entry, file);
  if (content.length !== entry.size || crc32(content) !== entry.crc)
    throw damaged(file, `${entry.name} does not have the promised content`);
  writeFileSync(target, content);
}

/**
 * @param {Buffer} packed
 * @param {Entry} entry
 * @param {string} file
 */
function inflate(packed, entry, file) {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.size) });
  } catch {
    throw damaged(file, `${entry.name} cannot be inflated to its ${entry.size} bytes`);
  }
}

/** @param {{ file: string, entry: Entry, start: number, target: string }} place */
async function streamEntry({ file, entry, start, target }) {
  let crc = 0;
  let size = 0;
  const verify = new Transform({
    transform(chunk, _encoding, done) {
      crc = crc32(chunk, crc);
      size += chunk.length;
      done(size > entry.size ? damaged(file, `${entry.name} is larger than promised`) : null, chunk);
    },
  });
  const input = createReadStream(file, { start, end: start + entry.packed - 1, highWaterMark: 1 << 20 });
  const output = createWriteStream(target, { highWaterMark: 4 << 20, flush: true });
  try {
    if (entry.method === 0) await pipeline(input, verify, output);
    else await pipeline(input, createInflateRaw({ chunkSize: 1 << 20 }), verify, output);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw code.startsWith("Z_") ? damaged(file, `${entry.name} cannot be inflated (${code})`) : error;
  }
  if (size !== entry.size || crc !== entry.crc) throw damaged(file, `${entry.name} does not have the promised content`);
}

/**
 * @param {number} descriptor
 * @param {{ at: number, length: number, file: string }} place
 */
function readExactly(descriptor, { at, length, file }) {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const read = readSync(descriptor, buffer, done, length - done, at + done);
    if (read === 0) throw damaged(file, "it ends too early");
    done += read;
  }
  return buffer;
}

/**
 * @param {bigint} value
 * @param {string} file
 */
function toNumber(value, file) {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(file, "a size is beyond reason");
  return Number(value);
}
