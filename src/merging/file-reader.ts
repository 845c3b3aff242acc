import { statSync } from "node:fs";
import { type FileRun, MappedFile } from "../engine/mapped-file.ts";
import { concat, reshape, slice, transpose } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import { read, type Tensor } from "../engine/tensor.ts";
import { tensorTypes } from "../models/load.ts";
import type { OpenedModel } from "../models/model-folder.ts";
import { dtypeBytes, type TensorEntry } from "../models/safetensors.ts";
import type { Recipe } from "../models/weight-names.ts";
import { WeightsFileError } from "../models/weights-file-error.ts";
import { asStored, type EntryRange, type EntryReader, sizeOf } from "./entry-reader.ts";

/** Files that are read a run of entries at a time. Close it when the merge is done. */
export class EntryFiles {
  private readonly open = new Map<string, MappedFile>();

  /** Bytes that were asked of the files. */
  get bytesRead(): number {
    return [...this.open.values()].reduce((sum, file) => sum + file.bytesRead, 0);
  }

  /** Where the entries of a stored tensor lie from entry `from` on. */
  run({ path, dtype, offset }: TensorEntry, from: number): FileRun {
    const file = this.open.get(path) ?? new MappedFile(path);
    this.open.set(path, file);
    return { file, offset: offset + from * dtypeBytes[dtype], dtype: tensorTypes[dtype] };
  }

  /** `size` entries of a stored tensor from entry `from` on, in its own type [size]. @throws {WeightsFileError} when the file became shorter. */
  entries(entry: TensorEntry, from: number, size: number): Tensor {
    const { file, offset, dtype } = this.run(entry, from);
    const found = file.read({ offset, dtype, shape: [size] });
    if (found) return found;
    const { path } = entry;
    throw new WeightsFileError(
      path,
      "truncated",
      `the file ends at byte ${statSync(path).size}, expected ${offset + size * dtypeBytes[entry.dtype]}`,
    );
  }

  /** All bytes of a stored tensor, a copy. */
  whole(entry: TensorEntry): Uint8Array {
    const { buffer, byteOffset, byteLength } = scope(() => read(this.entries(entry, 0, sizeOf(entry.shape))));
    return new Uint8Array(buffer, byteOffset, byteLength);
  }

  close(): void {
    for (const file of this.open.values()) file.close();
    this.open.clear();
  }
}

/** A model on disk under OpenCLIP's names, whatever names its file has. */
export function modelReader(files: EntryFiles, model: OpenedModel): EntryReader {
  const recipes = new Map(model.recipes.map((recipe) => [recipe.target, recipe]));
  const recipeOf = (name: string): Recipe => {
    const recipe = recipes.get(name);
    if (!recipe) throw new Error(`internal: no tensor ${name}`);
    return recipe;
  };
  const sourcesOf = (name: string): readonly TensorEntry[] => recipeOf(name).sources.flatMap((source) => model.entries.get(source) ?? []);
  return {
    has: (name) => recipes.has(name),
    shape: (name) => recipeOf(name).shape,
    read: (name, { offset, size }) => scope(() => readRun(files, recipeOf(name), sourcesOf(name), { offset, size })),
    run: (name, at) => pieceOf(files, recipeOf(name), sourcesOf(name), at),
    bytes: (name) => {
      const [entry] = sourcesOf(name);
      return entry ? files.whole(entry) : new Uint8Array();
    },
  };
}

/** Statistics of a model's tensors, stored under OpenCLIP's names. */
export function statisticsReader(files: EntryFiles, entries: readonly TensorEntry[]): EntryReader {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const get = (name: string): TensorEntry => byName.get(name) as TensorEntry;
  return {
    has: (name) => byName.has(name),
    shape: (name) => get(name).shape,
    read: (name, { offset, size }) => asStored(files.entries(get(name), offset, size)),
    bytes: (name) => files.whole(get(name)),
  };
}

/** A run that lies in one piece and needs no change of type. */
function pieceOf(files: EntryFiles, recipe: Recipe, sources: readonly TensorEntry[], { offset, size }: EntryRange): FileRun | undefined {
  let begin = (recipe.op === "slice-rows" ? -(recipe.rows?.[0] ?? 0) : 0) * sizeOf(sources[0]?.shape.slice(1) ?? []);
  for (const source of recipe.op === "transpose" ? [] : sources) {
    const end = begin + sizeOf(source.shape);
    if (begin <= offset && offset + size <= end) return /^B?F/.test(source.dtype) ? files.run(source, offset - begin) : undefined;
    begin = end;
  }
  return undefined;
}

function readRun(files: EntryFiles, recipe: Recipe, sources: readonly TensorEntry[], { offset, size }: EntryRange): Tensor {
  const [first] = sources;
  if (!first) throw new Error(`internal: "${recipe.target}" has no source`);
  switch (recipe.op) {
    case "copy":
    case "squeeze":
      return asStored(files.entries(first, offset, size));
    case "transpose": {
      const turned = transpose(reshape(files.entries(first, 0, sizeOf(first.shape)), first.shape), 0, 1);
      return asStored(slice(reshape(turned, [sizeOf(first.shape)]), 0, offset, offset + size));
    }
    case "slice-rows": {
      const skipped = (recipe.rows?.[0] ?? 0) * sizeOf(first.shape.slice(1));
      return asStored(files.entries(first, skipped + offset, size));
    }
    case "concat-rows": {
      const parts: Tensor[] = [];
      let begin = 0;
      for (const source of sources) {
        const length = sizeOf(source.shape);
        const [from, end] = [Math.max(0, offset - begin), Math.min(length, offset + size - begin)];
        if (end > from) parts.push(asStored(files.entries(source, from, end - from)));
        begin += length;
      }
      return concat(parts, 0);
    }
    default:
      return recipe.op satisfies never;
  }
}
