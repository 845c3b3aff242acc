#!/usr/bin/env node
// @ts-check
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = join(root, "dist", ".evergreen-program");
const main = join(root, "dist", "cli", "main.js");

/**
 * A source that is newer than the build. Times alone are compared, so that this costs a few milliseconds.
 * @param {string} folder
 * @param {number} builtAt
 * @returns {string | undefined}
 */
function newerSource(folder, builtAt) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const found = newerSource(path, builtAt);
      if (found !== undefined) return found;
    } else if (entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts") && statSync(path).mtimeMs > builtAt) return path;
  }
  return undefined;
}

/** @returns {string | undefined} why the build cannot be used */
function obstacle() {
  const built = statSync(stamp, { throwIfNoEntry: false });
  if (built === undefined || !existsSync(main)) return "this checkout is not built yet";
  const source = join(root, "src");
  const newer = existsSync(source) ? newerSource(source, built.mtimeMs) : undefined;
  return newer === undefined ? undefined : `${newer} was changed after the last build`;
}

const reason = obstacle();
if (reason === undefined) {
  await import("../dist/cli/main.js");
} else {
  process.stderr.write(`error[EG-5119]: ${reason}\n  fix: run npm run build in ${root}\n`);
  process.exitCode = 5;
}
