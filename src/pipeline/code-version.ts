import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Folders whose code decides a run's numbers; the terminal, reports and commands are not among them. */
const deciding = [
  "budget",
  "continual",
  "data",
  "engine",
  "evaluation",
  "merging",
  "mixtures",
  "models",
  "nn",
  "pipeline",
  "schedules",
  "streams",
  "training",
  "util",
];

let known: string | undefined;

/** Digest of the code that decides results, the addon's sources among it. It differs between the source and the build of one tree. */
export function codeVersion(): string {
  known ??= digest(fileURLToPath(new URL("..", import.meta.url)));
  return known;
}

function digest(root: string): string {
  const hash = createHash("sha256");
  for (const folder of [...deciding, "../native"])
    for (const file of files(join(root, folder)).sort())
      hash
        .update(`${relative(root, file)}\0`)
        .update(readFileSync(file))
        .update("\0");
  return hash.digest("hex").slice(0, 16);
}

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(js|ts|json|cc|h)$/.test(entry.name) && !entry.name.includes(".test."))
    .map((entry) => join(entry.parentPath, entry.name));
}
