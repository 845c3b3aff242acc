import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ExpertLibrary } from "../continual/method.ts";
import { mapFile } from "../engine/tensor.ts";
import { tensorTypes } from "../models/load.ts";
import { readHeader } from "../models/safetensors.ts";
import { writeSafetensorsSync } from "../models/safetensors-write-sync.ts";
import { tensorSource } from "../models/save.ts";
import { syncFile, syncFolder } from "../util/atomic-file.ts";

/** Experts as safetensors files in a run's folder `experts`. */
export function expertLibrary(runFolder: string): ExpertLibrary {
  const folder = join(runFolder, "experts");
  const fileOf = (name: string): string => join(folder, `${name}.safetensors`);
  return {
    put(name, weights) {
      mkdirSync(folder, { recursive: true });
      const temporary = `${fileOf(name)}.${process.pid}.tmp`;
      rmSync(temporary, { force: true });
      writeSafetensorsSync(
        temporary,
        [...weights].map(([key, value]) => tensorSource(key, value)),
      );
      syncFile(temporary);
      renameSync(temporary, fileOf(name));
      syncFolder(folder);
    },
    async get(name) {
      const { entries } = await readHeader(fileOf(name));
      return new Map(
        entries.map(({ name: key, path, offset, shape, dtype }) => [key, mapFile(path, { offset, dtype: tensorTypes[dtype], shape })]),
      );
    },
  };
}
