import { existsSync, readFileSync } from "node:fs";
import type { RunSpec } from "../runs/spec.ts";
import { methodFiles } from "../runs/spec-references.ts";
import { sha256 } from "../util/hash.ts";

/**
 * The spec as a plan knows it: files that methods read stand for their contents, so that a run moves with them and notices when they change. A file that is not there
 * keeps its path: the method tells of it when it reads.
 */
export function withFileDigests(spec: RunSpec): RunSpec {
  const digested = (value: unknown): unknown =>
    typeof value === "string" && existsSync(value) ? `sha256:${sha256(readFileSync(value))}` : value;
  const files: ReadonlySet<string> = new Set(methodFiles);
  const methods = spec.methods.map(({ name, ...options }) => ({
    name,
    ...Object.fromEntries(Object.entries(options).map(([option, value]) => [option, files.has(option) ? digested(value) : value])),
  }));
  return { ...spec, methods };
}
