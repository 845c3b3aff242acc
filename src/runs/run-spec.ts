import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { readRecord } from "./run-record.ts";
import { type Environment, type ParsedSpec, pathHints, readSpec } from "./spec.ts";
import { splitReference } from "./spec-references.ts";

/**
 * The configuration of a stored run. Paths that lead nowhere, because the folder was moved without its data, are looked for where they lay
 * when the run was made.
 */
export function readRunSpec(place: string, { env, presets }: { readonly env: Environment; readonly presets: string }): ParsedSpec {
  const folder = resolve(place);
  const { EVERGREEN_SET: _, ...rest } = env;
  const request = { files: [join(folder, "config.yaml")], env: rest, cwd: folder, presets };
  const parsed = readSpec(request);
  const { paths } = readRecord(folder);
  const here = pathHints(parsed, rest);
  const set = Object.entries(paths).flatMap(([key, hint]) => {
    const now = here[key];
    const moved = now !== undefined && now !== hint && !exists(now) && exists(hint) && !key.includes("[");
    return moved ? [`${key}=${JSON.stringify(hint)}`] : [];
  });
  const plugins = parsed.spec.plugins?.map((place, i) => (exists(place) ? place : (paths[`plugins[${i}]`] ?? place)));
  const all = plugins?.some((place, i) => place !== parsed.spec.plugins?.[i]) ? [...set, `plugins=${JSON.stringify(plugins)}`] : set;
  return all.length > 0 ? readSpec({ ...request, set: all }) : parsed;
}

function exists(reference: string): boolean {
  const { rest } = splitReference(reference);
  return existsSync(rest.replace(/\?[A-Za-z_]+=[^?/\\]*$/, "").replace(/[/\\][^/\\]*[{*?].*$/, ""));
}
