// @ts-check
import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitCodes, formatFailure, SetupFailure } from "./setup/failure.mjs";
import { sizeOf } from "./setup/files.mjs";
import { placesOf } from "./setup/places.mjs";
import { formatBytes } from "./setup/terminal.mjs";

/** @param {readonly string[]} args */
function main(args) {
  const unknown = args.find((arg) => arg !== "--all");
  if (unknown !== undefined) {
    throw new SetupFailure(
      "usage",
      "EG-2101",
      `clean knows no ${unknown}`,
      "npm run clean removes what was built here; npm run clean -- --all also removes the packages and the cached libtorch",
    );
  }
  const places = placesOf(dirname(dirname(fileURLToPath(import.meta.url))), process.env);
  const built = [places.dist, places.build, dirname(places.lock)];
  const fetched = [places.modules, join(places.cache, "libtorch")];
  let bytes = 0;
  for (const folder of args.includes("--all") ? [...built, ...fetched] : built) bytes += remove(folder);
  if (existsSync(places.cache) && readdirSync(places.cache).length === 0) rmdirSync(places.cache);
  process.stderr.write(`clean   ${formatBytes(bytes)} freed\n`);
}

/** @param {string} folder */
function remove(folder) {
  if (!existsSync(folder)) return 0;
  const bytes = sizeOf(folder);
  rmSync(folder, { recursive: true, force: true });
  process.stderr.write(`clean   ${folder}, ${formatBytes(bytes)}\n`);
  return bytes;
}

try {
  main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${formatFailure(error)}\n`);
  process.exitCode = error instanceof SetupFailure ? exitCodes[error.exit] : exitCodes.internal;
}
