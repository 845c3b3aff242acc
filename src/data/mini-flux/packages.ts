import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The installed packages; every path begins with the package's name. */
export interface Packages {
  /** A JSON file; each call parses anew. */
  json<T>(path: string): T;
  text(path: string): Promise<string>;
  bytes(path: string): Promise<Buffer>;
  /** Names in a folder, sorted. */
  list(path: string): string[];
  /** An ES module of a package, by the file that holds it. */
  module<T>(path: string): Promise<T>;
}

/** The packages below `<folder>/node_modules`. */
export function openPackages(folder: string): Packages {
  const place = (path: string): string => join(folder, "node_modules", path);
  return {
    json: <T>(path: string) => JSON.parse(readFileSync(place(path), "utf8")) as T,
    text: (path) => readFile(place(path), "utf8"),
    bytes: (path) => readFile(place(path)),
    list: (path) => readdirSync(place(path)).sort(),
    module: <T>(path: string) => import(pathToFileURL(place(path)).href) as Promise<T>,
  };
}
