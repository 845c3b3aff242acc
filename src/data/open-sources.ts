import { statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import type { ComponentSpec } from "../util/component.ts";
import { issueText } from "../util/issues.ts";
import { DataError } from "./data-error.ts";
import { type DataSource, type SourceDefinition, sources } from "./source.ts";

/** Schemes that go by another name than their source. */
const aliases: ReadonlyMap<string, string> = new Map([["wds", "webdataset"]]);

const roles: readonly string[] = ["adapt", "eval", "pool"];
const expected: Readonly<Record<string, string>> = {
  test: "a share from 0 to 1",
  role: `one of ${roles.join(", ")}`,
  sets: "names with commas between them",
};
/** Options that a reference may carry behind its path: `folder:./photos?test=0.1&role=eval`. */
const carried: Readonly<Record<string, { readonly option: string; readonly read: (text: string) => unknown }>> = {
  test: { option: "testShare", read: (text) => (text.trim() === "" ? text : Number(text)) },
  role: { option: "role", read: (text) => text },
  sets: { option: "sets", read: (text) => text.split(",") },
};

/**
 * Opens what a run names as data: `folder:./photos`, `wds:/data/{00000..00199}.tar`, a bare path that some source recognises, `mini-flux`, or a source with its
 * options as an object. Behind a path may stand `?test=0.1` (share kept for testing where the data has no test split), `role=eval` and, where one place holds
 * many sets, `sets=a,b`, joined by `&`; a path that exists with those letters in it is taken as it is. Paths are relative to `baseDir`.
 * @throws {DataError}, for options that do not fit too, {UnknownComponentError}
 */
export async function openSources(spec: string | ComponentSpec, baseDir: string): Promise<readonly DataSource[]> {
  const { source, options } = await found(spec, baseDir);
  return source.open(options);
}

/** The same for a plan: data that is not there is told by its counts, where its source knows them ({@link DataSource.unopened}). */
export async function planSources(spec: string | ComponentSpec, baseDir: string): Promise<readonly DataSource[]> {
  const { source, options } = await found(spec, baseDir);
  return source.plan ? source.plan(options) : source.open(options);
}

/** How a run comes by its data: {@link openSources} to train, {@link planSources} to plan. */
export type SourceOpener = typeof openSources;

async function found(
  spec: string | ComponentSpec,
  baseDir: string,
): Promise<{ readonly source: SourceDefinition; readonly options: unknown }> {
  const { name, ...given } = typeof spec === "string" ? await specOf(spec, baseDir) : spec;
  const source = await sources.load(aliases.get(name) ?? name);
  const path = given.path;
  const options = source.options.safeParse(typeof path === "string" ? { ...given, path: absolute(path, baseDir) } : given);
  if (options.success) return { source, options: options.data };
  throw new DataError(`source ${name}: ${issueText(options.error)}`, { fix: "take the option away, or name another source" });
}

/** The source that reads what a reference names, and its options. @throws {DataError} */
export async function specOf(reference: string, baseDir: string): Promise<ComponentSpec> {
  const query = /^(.*)\?([A-Za-z_]+=[^?/\\]*)$/s.exec(reference);
  const literal = /^(?:[a-z][a-z0-9-]+:)?(.*)$/s.exec(reference)?.[1] ?? "";
  if (!query || statSync(absolute(literal, baseDir), { throwIfNoEntry: false })) return named(reference, baseDir);
  return { ...(await named(query[1] ?? "", baseDir)), ...optionsOf(reference, query[2] ?? "") };
}

function optionsOf(reference: string, query: string): Readonly<Record<string, unknown>> {
  const pairs = query.split("&").map((pair) => [pair.slice(0, Math.max(0, pair.indexOf("="))), pair.slice(pair.indexOf("=") + 1)] as const);
  return Object.fromEntries(
    pairs.map(([key, text]) => {
      const known = Object.hasOwn(carried, key) ? carried[key] : undefined;
      if (!known)
        throw new DataError(`${reference}: unknown option "${key}"; known: ${Object.keys(carried).join(", ")}`, {
          fix: "as ?test=0.1&role=eval",
        });
      const value = known.read(text);
      const fits = key === "test" ? typeof value === "number" && value >= 0 && value <= 1 : key !== "role" || roles.includes(text);
      if (!fits || text === "")
        throw new DataError(`${reference}: ${key}=${text}: expected ${expected[key] ?? ""}`, { fix: "as ?test=0.1&role=eval" });
      return [known.option, value];
    }),
  );
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
  const known = [...sources.names(), ...aliases.keys()];
  if (known.includes(spec)) return { name: spec };
  const scheme = /^([a-z][a-z0-9-]+):(.+)$/s.exec(spec);
  if (scheme && known.includes(scheme[1] ?? "")) {
    const name = scheme[1] ?? "";
    const rest = scheme[2] ?? "";
    const { selects } = await sources.load(aliases.get(name) ?? name);
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
