import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";

/** The complete lines of a file that grows, is cut back, or is put aside for a new one of its name, as they come. */
export class LineTail {
  private readonly path: string;
  private file: number | undefined;
  private offset = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** Lines completed since the last call. After a cut-back it goes on from the new end. */
  next(): readonly string[] {
    const lines = this.drain();
    if (this.file !== undefined && !this.isReplaced()) return lines;
    this.close();
    try {
      this.file = openSync(this.path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return lines;
      throw error;
    }
    return [...lines, ...this.drain()];
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
    this.offset = 0;
  }

  private isReplaced(): boolean {
    const now = statSync(this.path, { throwIfNoEntry: false });
    return now !== undefined && this.file !== undefined && now.ino !== fstatSync(this.file).ino;
  }

  private drain(): readonly string[] {
    if (this.file === undefined) return [];
    const { size } = fstatSync(this.file);
    if (size < this.offset) this.offset = size;
    const data = Buffer.alloc(size - this.offset);
    const got = data.subarray(0, readSync(this.file, data, 0, data.length, this.offset));
    const end = got.lastIndexOf(10) + 1;
    this.offset += end;
    return got.subarray(0, end).toString().split("\n").slice(0, -1);
  }
}
