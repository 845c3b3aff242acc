import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { syncFile, syncFolder, writeDurably } from "../util/atomic-file.ts";
import { failpoint } from "../util/failpoint.ts";
import { hashFileSync, isInside } from "./checkpoint.ts";
import { formatted, readFormatted } from "./formats.ts";
import { asStorageError } from "./store-error.ts";

/** Something that runs made once and share, known by a key of all that determines it. */
export interface StoredObject {
  /** SHA-256, lower-case hex. */
  readonly key: string;
  readonly folder: string;
  readonly bytes: number;
  /** Milliseconds since 1970 when it was made or last taken. */
  readonly used: number;
}

/** An object that is not what was stored, and why. It is gone. */
export interface RefusedObject {
  readonly refused: string;
}

interface ObjectManifest {
  readonly key: string;
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>;
}

const manifestFile = "object.json";
const isKey = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);

/** What the runs of a store share, in its folder `.objects`: one folder an object, written under a temporary name, never changed afterwards. */
export class ObjectStore {
  readonly root: string;

  constructor(runsRoot: string) {
    this.root = join(runsRoot, ".objects");
  }

  /** The object with every file compared with its digest; undefined where there is none. An altered one is removed. */
  find(key: string): StoredObject | RefusedObject | undefined {
    const folder = join(this.root, key);
    if (!existsSync(folder)) return undefined;
    const wrong = wrongIn(folder, key);
    if (wrong !== undefined) {
      rmSync(folder, { recursive: true, force: true });
      return { refused: wrong };
    }
    const now = new Date();
    utimesSync(join(folder, manifestFile), now, now);
    return describe(folder, key);
  }

  /**
   * Stores what `write` makes; `path` gives the place of a file. One that is there already stays.
   * @throws {StorageError | DiskFullError} and leaves nothing behind.
   */
  put(key: string, write: (path: (file: string) => string) => void): void {
    const folder = join(this.root, key);
    if (existsSync(folder)) return;
    const temporary = join(this.root, `.${key}.${process.pid}.tmp`);
    try {
      rmSync(temporary, { recursive: true, force: true });
      mkdirSync(temporary, { recursive: true });
      write((file) => join(temporary, file));
      seal(temporary, key);
      failpoint("object:rename");
      rename(temporary, folder);
      syncFolder(this.root);
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      throw asStorageError(error, "what other runs could share");
    }
  }

  /** Every object, and the names of what a death left half written. */
  list(): { readonly objects: readonly StoredObject[]; readonly leftovers: readonly string[] } {
    const names = existsSync(this.root) ? readdirSync(this.root).sort() : [];
    return {
      objects: names.filter(isKey).map((key) => describe(join(this.root, key), key)),
      leftovers: names.filter((name) => name.endsWith(".tmp")),
    };
  }

  /** When something of the folder was written last, in milliseconds since 1970; 0 where it is gone. */
  usedAt(name: string): number {
    return statSync(join(this.root, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }

  remove(name: string): void {
    rmSync(join(this.root, name), { recursive: true, force: true });
  }
}

/** Another process may have stored the same meanwhile: its one is as good. */
function rename(temporary: string, folder: string): void {
  try {
    renameSync(temporary, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(temporary, { recursive: true, force: true });
  }
}

function seal(folder: string, key: string): void {
  const files = Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((file) => {
        const path = join(folder, file);
        syncFile(path);
        return [file, { sha256: hashFileSync(path), bytes: statSync(path).size }];
      }),
  );
  writeDurably(join(folder, manifestFile), formatted("object", { key, files }), "object");
  syncFolder(folder);
}

function wrongIn(folder: string, key: string): string | undefined {
  try {
    const manifest = readFormatted<ObjectManifest>(join(folder, manifestFile), "object");
    if (manifest.key !== key) return `${manifestFile}: is of another object`;
    for (const [file, { sha256, bytes }] of Object.entries(manifest.files)) {
      const path = join(folder, file);
      if (!isInside(file) || statSync(path, { throwIfNoEntry: false })?.size !== bytes) return `${file}: expected ${bytes} bytes`;
      if (hashFileSync(path) !== sha256) return `${file}: its digest is not the one in ${manifestFile}`;
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function describe(folder: string, key: string): StoredObject {
  const sizes = readdirSync(folder).map((file) => statSync(join(folder, file)).size);
  const used = statSync(join(folder, manifestFile), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return { key, folder, bytes: sizes.reduce((sum, size) => sum + size, 0), used };
}

/** A text file of an object. */
export const objectText = ({ folder }: StoredObject, file: string): string => readFileSync(join(folder, file), "utf8");
