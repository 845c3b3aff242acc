import { basename } from "node:path";
import { z } from "zod";

/** What every source of users' data can be told. */
export const commonOptions = {
  path: z.string().min(1).describe("where it lies"),
  name: z.string().min(1).optional().describe("name of the data set; its folder's or file's name if absent"),
  role: z.enum(["adapt", "eval", "pool"]).default("adapt").describe("streamed and scored, only scored, or pretraining data"),
  templates: z
    .array(z.string().includes("{}"))
    .min(1)
    .default(["a photo of a {}."])
    .describe("sentences about a class, {} where its name goes"),
  testShare: z.number().min(0).max(1).default(0).describe("share kept for testing where the data has no test split"),
};

/** A name for the data set at a path. */
export function datasetName(path: string): string {
  const last = basename(path).replace(/\.(csv|tsv|jsonl|ndjson|tar|parquet)$/i, "");
  return last === "" ? "data" : last;
}

/** `animal_crossing` is written "animal crossing" in a sentence. */
export function classNameOf(folder: string): string {
  return folder.replaceAll("_", " ").trim();
}
