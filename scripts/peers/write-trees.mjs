// @ts-check
// `node write-trees.mjs FOLDER`: the small trees of data sets that the tests are made of, for peers to open, one folder each.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";

const fixtures = fileURLToPath(new URL("../../test/fixtures/data/", import.meta.url));
const compiled = mkdtempSync(join(tmpdir(), "evergreen-trees-"));
const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, rewriteRelativeImportExtensions: true };
writeFileSync(join(compiled, "package.json"), '{"type":"module"}');
symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(compiled, "node_modules"));
for (const file of ["torchvision-trees", "mat-writer", "clip-benchmark-tree", "tar"]) {
  const { outputText } = ts.transpileModule(readFileSync(join(fixtures, `${file}.ts`), "utf8"), { compilerOptions: options });
  writeFileSync(join(compiled, `${file}.js`), outputText);
}
/** @type {{ trees: Readonly<Record<string, (root: string) => void>> }} */
const { trees } = await import(pathToFileURL(join(compiled, "torchvision-trees.js")).href);
const folder = process.argv[2] ?? "";
mkdirSync(folder, { recursive: true });
for (const [handle, make] of Object.entries(trees)) {
  const root = join(folder, handle);
  mkdirSync(root);
  make(root);
}
/** @type {{ writeClipBenchmark: (root: string) => Promise<void> }} */
const { writeClipBenchmark } = await import(pathToFileURL(join(compiled, "clip-benchmark-tree.js")).href);
await writeClipBenchmark(join(folder, "clip-benchmark"));
process.stdout.write(`${readdirSync(folder).length} trees\n`);
rmSync(compiled, { recursive: true });
