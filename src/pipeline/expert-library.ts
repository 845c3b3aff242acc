import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ExpertLibrary } from "../continual/method.ts";
import { mapFile } from "../engine/tensor.ts";
import { tensorTypes } from "../models/load.ts";
import { readHeader } from "../models/safetensors.ts";
import { writeSafetensorsSync } from "../models/safetensors-write-sync.ts";
import { tensorSource } from "../models/save.ts";
import { replaceFile } from "../util/atomic-file.ts";

/** Experts as safetensors files in a run's folder `experts`. */
export function expertLibrary(runFolder: string): ExpertLibrary {
  const folder = join(runFolder, "experts");
  const fileOf = (name: string): string => join(folder, `${name}.safetensors`);
  return {
    put(name, weights) {
      mkdirSync(folder, { recursive: true });
      const tensors = [...weights].map(([key, value]) => tensorSource(key, value));
      replaceFile(fileOf(name), (temporary) => writeSafetensorsSync(temporary, tensors));
    },
    async get(name) {
      const { entries } = await readHeader(fileOf(name));
      return new Map(
        entries.map(({ name: key, path, offset, shape, dtype }) => [key, mapFile(path, { offset, dtype: tensorTypes[dtype], shape })]),
      );
    },
  };
}
