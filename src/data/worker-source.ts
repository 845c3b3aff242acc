import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { hashOf } from "../util/hash.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
/** What a data worker imports, and what users' own augmentations do. */
const folders = ["util", "data", "data/augments"];
const more = ["pipeline/plain-parts.ts", "mixtures/buffer.ts", "schedules/schedule.ts", "streams/stream.ts"];

/**
 * A folder with the JavaScript of what a data worker imports, as the source stands now, ending in a slash. Made once for each state of the source, in `dist/`, where
 * packages are found as from the source. Never imported by built code.
 */
export async function translatedSource(): Promise<URL> {
  const files = new Map<string, string>();
  for (const from of folders)
    for (const name of await readdir(join(root, from)))
      if (name.endsWith(".ts") && !name.endsWith(".test.ts")) files.set(join(from, name), await readFile(join(root, from, name), "utf8"));
  for (const path of more) files.set(path, await readFile(join(root, path), "utf8"));
  const parent = join(root, "../dist/workers");
  const folder = join(parent, hashOf(Object.fromEntries(files)).slice(0, 16));
  if (!existsSync(folder)) await translate(files, parent, folder);
  return pathToFileURL(`${folder}/`);
}

async function translate(files: ReadonlyMap<string, string>, parent: string, folder: string): Promise<void> {
  const { default: ts } = await import("typescript");
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  await mkdir(parent, { recursive: true });
  const fresh = await mkdtemp(join(parent, "new-"));
  for (const [name, source] of files) {
    const path = join(fresh, name.replace(/\.ts$/, ".js"));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, ts.transpileModule(source, { fileName: name, compilerOptions }).outputText);
  }
  // Another process may have come first; its folder holds the same.
  await rename(fresh, folder).catch(() => rm(fresh, { recursive: true, force: true }));
}
