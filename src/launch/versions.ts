import { readFileSync } from "node:fs";

/** Evergreen's version and Node's, as a run records them. */
export function versions(): Readonly<Record<string, string>> {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
  return { evergreen: version, node: process.versions.node };
}
