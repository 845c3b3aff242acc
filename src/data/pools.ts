import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { hint, UsageError } from "../util/errors.ts";

const registered = z
  .strictObject({
    handle: z.string().regex(/^[a-z0-9-]+$/),
    /** For people to read. */
    name: z.string().min(1),
    /** As its publisher lists them. */
    pairs: z.int().min(1),
    /** Of the subset that the code published with the benchmark names; null where it names none. */
    published: z.int().min(1).nullable(),
    licence: z.string().min(1),
    /** How a person comes by it. Nothing here is ever downloaded by itself. */
    obtain: z.string().endsWith("."),
  })
  .readonly();

/** Pairs that can stand for the original pretraining data (arXiv:2408.14471, section 3): facts about them, not the pictures. */
export type RegisteredPool = z.output<typeof registered>;

/** The four pools that the paper takes in turn, its default first. */
export const pools: readonly RegisteredPool[] = z
  .array(registered)
  .parse(JSON.parse(readFileSync(new URL("./pools.json", import.meta.url), "utf8")));

/** The pool of this handle, in any letter case. @throws {UsageError} that names the nearest one. */
export function registeredPool(name: string): RegisteredPool {
  const found = pools.find(({ handle }) => handle === name.toLowerCase());
  if (found) return found;
  const known = pools.map(({ handle }) => handle);
  throw new UsageError(`there is no registered pool "${name}"`, hint(name, known));
}

/** Where a pool's shards lie in a data root, and which source reads them: none where there are none. */
export interface PoolPlace {
  readonly folder: string;
  readonly kind: "webdataset" | "parquet" | undefined;
}

/** Looks for a pool's shards by name; reads none of them. */
export function poolPlace(root: string, { handle }: RegisteredPool): PoolPlace {
  const folder = join(root, "pools", handle);
  const names = namesBelow(folder);
  const holds = (ending: string): boolean => names.some((name) => name.endsWith(ending));
  return { folder, kind: holds(".tar") ? "webdataset" : holds(".parquet") ? "parquet" : undefined };
}

function namesBelow(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return [];
  }
}
