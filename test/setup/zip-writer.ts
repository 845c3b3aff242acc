import { crc32, deflateRawSync } from "node:zlib";

/** One entry of a test archive; the fields after `content` tell lies or choose a form. */
export interface WrittenEntry {
  readonly name: string;
  readonly content: Buffer;
  readonly stored?: boolean;
  readonly zip64?: boolean;
  readonly mode?: number;
  readonly crc?: number;
  readonly size?: number;
  readonly flags?: number;
  readonly method?: number;
}

/** A zip archive of the entries, by the letter of APPNOTE 6.3.10. */
export function writeZip(entries: readonly WrittenEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const file = writeEntry(entry, offset);
    files.push(file.local);
    directory.push(file.central);
    offset += file.local.length;
  }
  const central = Buffer.concat(directory);
  const isWide = entries.some(({ zip64 }) => zip64);
  const ends = isWide ? end64({ count: entries.length, size: central.length, offset }) : Buffer.alloc(0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(isWide ? 0xffff : entries.length, 8);
  end.writeUInt16LE(isWide ? 0xffff : entries.length, 10);
  end.writeUInt32LE(isWide ? 0xffffffff : central.length, 12);
  end.writeUInt32LE(isWide ? 0xffffffff : offset, 16);
  return Buffer.concat([...files, central, ends, end]);
}

function writeEntry(entry: WrittenEntry, offset: number): { readonly local: Buffer; readonly central: Buffer } {
  const { content, stored = false, zip64 = false, mode = 0o100644, flags = 0 } = entry;
  const { crc = crc32(content), size = content.length, method = stored ? 0 : 8 } = entry;
  const packed = stored ? content : deflateRawSync(content);
  const name = Buffer.from(entry.name);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(method, 8);
  local.writeUInt32LE(crc, 14);
  local.writeUInt32LE(packed.length, 18);
  local.writeUInt32LE(size, 22);
  local.writeUInt16LE(name.length, 26);
  const extra = zip64 ? wide([size, packed.length, offset]) : Buffer.alloc(0);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt16LE(flags, 8);
  central.writeUInt16LE(method, 10);
  central.writeUInt32LE(crc, 16);
  central.writeUInt32LE(zip64 ? 0xffffffff : packed.length, 20);
  central.writeUInt32LE(zip64 ? 0xffffffff : size, 24);
  central.writeUInt16LE(name.length, 28);
  central.writeUInt16LE(extra.length, 30);
  central.writeUInt16LE(mode, 40);
  central.writeUInt32LE(zip64 ? 0xffffffff : offset, 42);
  return { local: Buffer.concat([local, name, packed]), central: Buffer.concat([central, name, extra]) };
}

function wide(values: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, i) => {
    extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  });
  return extra;
}

function end64({ count, size, offset }: { readonly count: number; readonly size: number; readonly offset: number }): Buffer {
  const end = Buffer.alloc(56 + 20);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeBigUInt64LE(BigInt(count), 24);
  end.writeBigUInt64LE(BigInt(count), 32);
  end.writeBigUInt64LE(BigInt(size), 40);
  end.writeBigUInt64LE(BigInt(offset), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(offset + size), 64);
  end.writeUInt32LE(1, 72);
  return end;
}
