import { statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import type { ComponentSpec } from "../util/component.ts";
import { DataError } from "./data-error.ts";
import { type DataSource, sources } from "./source.ts";

/** Schemes that go by another name than their source. */
const aliases: Readonly<Record<string, string>> = { wds: "webdataset" };

/**
 * Opens what a run names as data: `folder:./photos`, `wds:/data/{00000..00199}.tar`, a bare path that some source recognises, `mini-flux`, or a source with its
 * options as an object. Paths are relative to `baseDir`.
 * @throws {DataError}, {UnknownComponentError}, or zod's error for options that do not fit.
 */
export async function openSources(spec: string | ComponentSpec, baseDir: string): Promise<readonly DataSource[]> {
  const { name, ...given } = typeof spec === "string" ? await named(spec, baseDir) : spec;
  const source = await sources.load(aliases[name] ?? name);
  const path = given.path;
  return source.open(source.options.parse(typeof path === "string" ? { ...given, path: absolute(path, baseDir) } : given));
}

/** A reference without its selection: `mini-flux:emoji-2018` → `mini-flux`. What selects nothing is returned as it is. */
export async function wholePlace(reference: string): Promise<string> {
  const scheme = /^([a-z][a-z0-9-]+):([^/\\]+)$/s.exec(reference)?.[1];
  return scheme && sources.names().includes(scheme) && (await sources.load(scheme)).selects ? scheme : reference;
}

function absolute(path: string, baseDir: string): string {
  return isAbsolute(path) ? path : resolve(baseDir, path);
}

async function named(spec: string, baseDir: string): Promise<ComponentSpec> {
  const known = [...sources.names(), ...Object.keys(aliases)];
  if (known.includes(spec)) return { name: spec };
  const scheme = /^([a-z][a-z0-9-]+):(.+)$/s.exec(spec);
  if (scheme && known.includes(scheme[1] ?? "")) {
    const name = scheme[1] ?? "";
    const rest = scheme[2] ?? "";
    const { selects } = await sources.load(aliases[name] ?? name);
    return selects && !/[/\\]/.test(rest) ? { name, sets: rest.split(",") } : { name, path: rest };
  }
  const path = absolute(spec, baseDir);
  for (const name of sources.names()) if ((await sources.load(name)).recognises(path)) return { name, path };
  const exists = statSync(path, { throwIfNoEntry: false }) !== undefined;
  throw new DataError(`${spec}: ${exists ? "no source recognises what lies there" : "there is no such file or folder"}`, {
    fix: `say what it is: ${sources
      .names()
      .map((name) => `${name}:…`)
      .join(", ")}`,
  });
}
