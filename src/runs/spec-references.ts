import { isAbsolute, join, relative, resolve, sep } from "node:path";
import type { ConfigPath } from "../util/config-tree.ts";

/** Names of environment variables by value. */
export type Environment = Readonly<Record<string, string | undefined>>;

const envReference = /\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g;
/** Schemes whose rest is a name unless it starts as a path does. */
const namingSchemes = new Set(["hf", "open_clip", "preset", "mini-flux", "run"]);
/** Schemes whose rest picks sets by name, unless it has a slash in it. */
const pickingSchemes = new Set(["fomo", "pool"]);
/** Options of methods that name a file. */
export const methodFiles = ["texts"] as const;
const referenceKeys = [
  ["model", "init"],
  ["stream", "from"],
  ["stream", "scores"],
  ["data", "pretraining", "from"],
  ["eval", "suite", 0],
  ["extends", 0],
  ["plugins", 0],
  ...methodFiles.map((option) => ["methods", 0, option]),
];

/** Variables a text refers to by `${env:NAME}`. */
export function envNamesIn(text: string): readonly string[] {
  return [...text.matchAll(envReference)].map((match) => match[1] ?? "");
}

/** The text with each `${env:NAME}` replaced. Names that are not set stay as they are. */
export function substituteEnv(text: string, env: Environment): string {
  return text.replace(envReference, (whole, name: string) => env[name] ?? whole);
}

/** True for the keys whose texts may name a place on disk. */
export function mayBePath(path: ConfigPath): boolean {
  return referenceKeys.some(
    (key) =>
      key.length === path.length && key.every((part, i) => (typeof part === "number" ? typeof path[i] === "number" : part === path[i])),
  );
}

/** `wds:./a.tar` → scheme `wds:` and rest `./a.tar`. A single letter is a drive, `x://…` has no path. */
export function splitReference(text: string): { readonly scheme: string; readonly rest: string; readonly isPath: boolean } {
  const match = /^([a-z][a-z0-9_-]+):(?!\/\/)(.*)$/s.exec(text);
  const scheme = match?.[1] ?? "";
  const rest = match ? (match[2] ?? "") : text;
  if (/^[a-z][a-z0-9+.-]+:\/\//.test(text)) return { scheme: "", rest: text, isPath: false };
  const starts = /^(\.{1,2}([/\\]|$)|[/\\~])/.test(rest) || isAbsolute(rest);
  const hasSlash = starts || /[/\\]/.test(rest);
  const looks =
    scheme === ""
      ? hasSlash || /\.[A-Za-z0-9]+$/.test(rest)
      : starts || !(namingSchemes.has(scheme) || (pickingSchemes.has(scheme) && !hasSlash));
  return { scheme: match ? `${scheme}:` : "", rest, isPath: looks && rest !== "" };
}

/** The reference with its path made absolute from `base`; `~/` is the home folder. What is no path is returned as it is. */
export function absoluteReference(text: string, base: string, env: Environment): string {
  const { scheme, rest, isPath } = splitReference(text);
  if (!isPath) return text;
  if (rest.startsWith("~/") && env.HOME) return scheme + join(env.HOME, rest.slice(2));
  return scheme + resolve(base, rest);
}

/**
 * The reference as a file in `folder` may write it. Relative paths stay relative, so that a tree of data and runs can be moved;
 * absolute ones, names and texts that start with a variable holding an absolute path stay as they are.
 */
export function rebasedReference(text: string, base: string, folder: string, env: Environment): string {
  const { scheme, rest, isPath } = splitReference(text);
  if (!isPath || rest.startsWith("~/") || isAbsolute(rest) || isAbsolute(substituteEnv(rest, env))) return text;
  const moved = relative(folder, resolve(base, rest)).split(sep).join("/");
  return scheme + (moved.startsWith(".") ? moved : `./${moved}`);
}
