import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder of the run whose checkpoint a weights file is. */
export function runFolderOf(model: string): string | undefined {
  const folder = dirname(dirname(dirname(model)));
  return existsSync(join(folder, "run.json")) ? folder : undefined;
}
