import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { mapFile } from "../engine/tensor.ts";
import { tensorTypes } from "../models/load.ts";
import { readHeader } from "../models/safetensors.ts";
import { writeSafetensorsSync } from "../models/safetensors-write-sync.ts";
import { tensorSource } from "../models/save.ts";
import { hashFileSync } from "../runs/checkpoint.ts";
import { RunFileError, storing } from "../runs/store-error.ts";
import { type ExpertIndex, expertFile } from "../training/checkpoint.ts";
import type { ExpertStore } from "../training/loop.ts";
import { writeThenName } from "../util/atomic-file.ts";
import { hashFile } from "../util/hash.ts";

/**
 * Experts as safetensors files in a run's folder `experts`, each named by its content: what is put later leaves the files that an earlier checkpoint knows as they were. A file is read whole
 * when it is first mapped, and again only where it has been written since. `metadata` makes each a model that can be opened by itself.
 */
export function expertLibrary(runFolder: string, metadata: Readonly<Record<string, string>> = {}): ExpertStore {
  const folder = join(runFolder, "experts");
  let known: ExpertIndex = {};
  const stampsOfVerified = new Map<string, string>();
  return {
    put(name, weights) {
      const tensors = [...weights].map(([key, value]) => tensorSource(key, value));
      const sha256 = storing(`expert ${name}`, () => writeByContent(folder, name, (path) => writeSafetensorsSync(path, tensors, metadata)));
      known = { ...known, [name]: sha256 };
      const file = expertFile(name, sha256);
      stampsOfVerified.set(file, stampOf(join(folder, file)) ?? "");
    },
    async get(name) {
      const sha256 = known[name];
      if (sha256 === undefined) throw unknown(name);
      const file = expertFile(name, sha256);
      const stamp = stampOf(join(folder, file));
      if (stamp === undefined) throw refused(file, "is missing");
      if (stampsOfVerified.get(file) !== stamp) {
        if ((await hashFile(join(folder, file))) !== sha256) throw refused(file, "its digest is not that of the expert that was put");
        stampsOfVerified.set(file, stamp);
      }
      const { entries } = await readHeader(join(folder, file));
      return new Map(
        entries.map(({ name: key, path, offset, shape, dtype }) => [key, mapFile(path, { offset, dtype: tensorTypes[dtype], shape })]),
      );
    },
    index: () => known,
    restore(index) {
      known = index;
    },
  };
}

/** Gives the digest of what was written. */
function writeByContent(folder: string, name: string, write: (path: string) => void): string {
  let sha256 = "";
  mkdirSync(folder, { recursive: true });
  writeThenName(join(folder, `${name}.${process.pid}.tmp`), (temporary) => {
    write(temporary);
    sha256 = hashFileSync(temporary);
    return join(folder, expertFile(name, sha256));
  });
  return sha256;
}

/** Changes with every write to the file, and where another one takes its place; undefined where there is none. */
function stampOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && [found.ino, found.size, found.mtimeNs, found.ctimeNs].join(" ");
}

const unknown = (name: string): RunFileError =>
  new RunFileError(
    `experts/${name}`,
    "nothing was put under this name, or by a version that kept no digests of experts",
    "start a new run",
  );

const refused = (file: string, why: string): RunFileError =>
  new RunFileError(
    `experts/${file}`,
    why,
    "restore the file from a copy and resume the run, or start a new run: its merges need every expert",
  );
