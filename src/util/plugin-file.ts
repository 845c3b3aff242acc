import { readFileSync, statSync } from "node:fs";
import { register } from "node:module";
import { fileURLToPath } from "node:url";
import { EvergreenError } from "./errors.ts";
import { sha256 } from "./hash.ts";

/** What users' parts import, by the name they write, and the module of this program that it is. */
const entries = { evergreen: "../index.js", "evergreen/parts": "../pipeline/plain-parts.js" } as const;

/**
 * The default export of a user's part.
 * @throws {EvergreenError} when the file cannot be loaded, or what it exports is no part.
 */
export async function loadPlugin(kind: string, file: URL): Promise<unknown> {
  redirectImports();
  const path = fileURLToPath(file);
  const module = await import(file.href).catch((cause: unknown) => {
    throw refused(`${kind} ${path} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, fixOf(cause), cause);
  });
  const part = (module as { readonly default?: unknown }).default;
  const missing = missingOf(part);
  if (missing === undefined) return part;
  throw refused(`${kind} ${path}: ${missing}`, 'export it as "export default { summary, options, … }"; docs/add-a-part.md has the form');
}

function missingOf(part: unknown): string | undefined {
  if (part === null || typeof part !== "object") return "expected a part as the file's default export, got none";
  const { summary, options } = part as { readonly summary?: unknown; readonly options?: { readonly safeParse?: unknown } };
  if (typeof summary !== "string") return "expected a summary, one line of text, got none";
  return typeof options?.safeParse === "function" ? undefined : "expected options, as z.strictObject({}), got none";
}

function fixOf(cause: unknown): string {
  const { code } = cause as { readonly code?: string };
  if (code === "ERR_UNKNOWN_FILE_EXTENSION")
    return `Node.js ${process.versions.node} reads no TypeScript: take Node.js 22.18 or newer, or write the part in JavaScript, as .mjs`;
  if (code === "ERR_MODULE_NOT_FOUND")
    return 'import from "evergreen", "evergreen/parts", files beside it and packages that are installed there';
  return "mend the file";
}

const refused = (message: string, fix: string, cause?: unknown): EvergreenError =>
  new EvergreenError(message, { code: "EG-3162", exit: "config", fix, ...(cause === undefined ? {} : { cause }) });

const hooks = `
let entries;
export const initialize = (given) => { entries = given; };
export const resolve = (name, context, next) => (Object.hasOwn(entries, name) ? { url: entries[name], shortCircuit: true } : next(name, context));
`;

let isRedirected = false;

/**
 * From here on `import "evergreen"` is this program, wherever the importing file lies and whatever is installed beside it: a second copy of the engine would know nothing of
 * the first one's tensors. Where the program runs as TypeScript, its runner does the same.
 */
function redirectImports(): void {
  if (isRedirected || import.meta.url.endsWith(".ts")) return;
  isRedirected = true;
  const data = Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, new URL(path, import.meta.url).href]));
  register(`data:text/javascript,${encodeURIComponent(hooks)}`, import.meta.url, { data });
}

/**
 * Digest of a user's part: of its file and of every file that a relative path in it names, as `"./table.json"`, and so on from there. A path in a comment counts too: that is on
 * the safe side.
 */
export function pluginDigest(file: URL): string {
  const found = new Map<string, string>();
  const visit = (at: URL): void => {
    if (found.has(at.href)) return;
    const bytes = readFileSync(at);
    found.set(at.href, sha256(bytes));
    if (isCode.test(at.pathname)) for (const named of filesNamedIn(bytes.toString("utf8"), at)) visit(named);
  };
  visit(file);
  return sha256([...found.values()].join(" ")).slice(0, 16);
}

const isCode = /\.[cm]?[jt]s$/;

function filesNamedIn(text: string, at: URL): readonly URL[] {
  const paths = [...text.matchAll(/["'`](\.{1,2}\/[^"'`\n]+)["'`]/g)].map(([, path]) => new URL(path ?? "", at));
  return paths.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}
