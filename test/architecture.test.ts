import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";

/** A folder imports itself and lines above its own, never sideways, never down. */
const layers = [
  ["util"],
  ["engine", "data", "schedules", "budget"],
  ["mixtures"],
  ["runs", "nn", "streams"],
  ["models", "report"],
  ["merging"],
  ["continual", "evaluation"],
  ["training"],
  ["pipeline"],
  ["launch"],
  ["server"],
  ["cli"],
];

const root = fileURLToPath(new URL("..", import.meta.url));
const maxLines = 300;

interface Source {
  /** From the repository's root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** Files below a folder, sorted; folders that hold what was made or fetched are left out. */
function filesBelow(folder: string, ending: RegExp): string[] {
  const listed = readdirSync(join(root, folder), { withFileTypes: true, recursive: true });
  return listed
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !/(^|\/)(node_modules|build|dist|fixtures|vectors|golden)\//.test(path))
    .sort();
}

const sources: readonly Source[] = filesBelow("src", /\.ts$/).map((path) => {
  const text = readFileSync(join(root, path), "utf8");
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true) };
});
const isTest = ({ path }: Source): boolean => path.endsWith(".test.ts");
const product = sources.filter((source) => !isTest(source));

const folderOf = (path: string): string => path.split("/")[1] ?? "";
const height = (path: string): number => layers.findIndex((layer) => layer.includes(folderOf(path)));

/** Files of ours that a file names in an import, dynamic and type-only ones included. */
function importsOf({ path, text }: Source): string[] {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => name.startsWith("."))
    .map((name) => join(dirname(path), name).split(sep).join("/"));
}

/** Imports that run at load: no type-only ones, whose cycles harm nobody. */
function loadedBy({ path, tree }: Source): string[] {
  return tree.statements.flatMap((statement) => {
    const imports = ts.isImportDeclaration(statement) && !statement.importClause?.isTypeOnly;
    const exports = ts.isExportDeclaration(statement) && !statement.isTypeOnly;
    const from = imports || exports ? statement.moduleSpecifier : undefined;
    if (!from || !ts.isStringLiteral(from) || !from.text.startsWith(".")) return [];
    const named = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined;
    const onlyTypes =
      named && ts.isNamedImports(named) && named.elements.length > 0 && named.elements.every(({ isTypeOnly }) => isTypeOnly);
    return onlyTypes ? [] : [join(dirname(path), from.text).split(sep).join("/")];
  });
}

/** The text without its comments; lines stay lines. */
function withoutComments(text: string): string {
  // A scanner alone cannot tell a division from a regular expression, so comments are taken from the gaps of the tree.
  const tree = ts.createSourceFile("x.ts", text, ts.ScriptTarget.ES2023, true);
  const comments = new Map<number, number>();
  const visit = (node: ts.Node): void => {
    for (const range of [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ])
      comments.set(range.pos, range.end);
    node.getChildren(tree).forEach(visit);
  };
  visit(tree);
  let kept = "";
  let at = 0;
  for (const [from, to] of [...comments].sort(([a], [b]) => a - b)) {
    if (from < at) continue;
    kept += text.slice(at, from) + text.slice(from, to).replace(/[^\n]/g, " ");
    at = to;
  }
  return kept + text.slice(at);
}

/** `line: text` of every line of code that matches. */
function linesWith(source: Source, pattern: RegExp): string[] {
  if (!pattern.test(source.text)) return [];
  return withoutComments(source.text)
    .split("\n")
    .flatMap((line, i) => (pattern.test(line) ? [`${source.path}:${i + 1}: ${line.trim()}`] : []));
}

/** Names that a statement exports; `default` among them, `*` for all of another file. */
function exportedBy(statement: ts.Statement): string[] {
  if (ts.isExportAssignment(statement)) return ["default"];
  if (ts.isExportDeclaration(statement)) {
    const { exportClause } = statement;
    return exportClause && ts.isNamedExports(exportClause) ? exportClause.elements.map(({ name }) => name.text) : ["*"];
  }
  const kinds = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []).map(({ kind }) => kind) : [];
  if (!kinds.includes(ts.SyntaxKind.ExportKeyword)) return [];
  return [kinds.includes(ts.SyntaxKind.DefaultKeyword) ? "default" : "declared"];
}

function exportsOf({ tree }: Source): { readonly hasDefault: boolean; readonly others: number } {
  const names = tree.statements.flatMap(exportedBy);
  return { hasDefault: names.includes("default"), others: names.filter((name) => name !== "default").length };
}

/** Folders that a `new Catalog(…, [new URL("./name/", …)])` names. */
const catalogues: readonly string[] = product.flatMap(({ path, text }) =>
  [...text.matchAll(/new Catalog(?:<[^(]*>)?\(\s*"[^"]+",\s*\[([^\]]*)\]/g)].flatMap(([, folders]) =>
    [...(folders ?? "").matchAll(/new URL\("\.\/([^"]+)\/",/g)].map(([, name]) => `${dirname(path)}/${name}`),
  ),
);

describe("architecture", () => {
  test("there are sources, and every folder of src has its place among the layers", () => {
    expect(product.length).toBeGreaterThan(20);
    const known = layers.flat();
    const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([]);
    expect(
      sources
        .filter(({ path }) => path.split("/").length === 2)
        .map(({ path }) => path)
        .filter((path) => path !== "src/index.ts"),
    ).toEqual([]);
  });

  test("imports point one way", () => {
    // What only tests share lies in test/, and tests alone may take it from there.
    const shared = (file: Source, target: string): boolean => isTest(file) && target.startsWith("test/");
    const wrong = sources
      .filter(({ path }) => path !== "src/index.ts")
      .flatMap((file) => importsOf(file).map((target) => ({ file, target })))
      .filter(({ file, target }) => !shared(file, target))
      .filter(
        ({ file, target }) =>
          !target.startsWith("src/") || (folderOf(file.path) !== folderOf(target) && !(height(target) < height(file.path))),
      )
      .map(({ file, target }) => `${file.path} → ${target}`);
    expect(wrong).toEqual([]);
  });

  test("imports end in .ts and name a file", () => {
    const wrong = sources.flatMap((source) =>
      importsOf(source)
        .filter((target) => !/\.(ts|json)$/.test(target) || !existsSync(join(root, target)))
        .map((target) => `${source.path} → ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("files do not load each other in a circle", () => {
    const graph = new Map(product.map((source) => [source.path, loadedBy(source)]));
    const state = new Map<string, "open" | "done">();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === "open") circles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
      if (state.has(path)) return;
      state.set(path, "open");
      for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
      state.set(path, "done");
    };
    for (const path of graph.keys()) visit(path, []);
    expect(circles).toEqual([]);
  });

  test("only src/engine/binding.ts loads the native addon", () => {
    const loads = /\bdlopen\b|\bcreateRequire\b|\.node["'`]/;
    expect(product.filter(({ path }) => path !== "src/engine/binding.ts").flatMap((source) => linesWith(source, loads))).toEqual([]);
    expect(product.find(({ path }) => path === "src/engine/binding.ts")?.text).toMatch(loads);
  });

  test("the word cpu occurs in src/engine alone: elsewhere a device is a setting", () => {
    expect(product.filter(({ path }) => folderOf(path) !== "engine").flatMap((source) => linesWith(source, /\bcpu\b/i))).toEqual([]);
  });

  test("no file is longer than 300 lines", () => {
    const files = ["src", "test", "scripts", "bench", "native", "bin"].flatMap((folder) => filesBelow(folder, /\.(ts|mjs|cc|h)$/));
    const long = files
      .map((path) => ({ path, lines: readFileSync(join(root, path), "utf8").trimEnd().split("\n").length }))
      .filter(({ lines }) => lines > maxLines);
    expect(long).toEqual([]);
  });

  test("catalogue folders hold parts, each the default export and nothing else, and their tests", () => {
    expect(catalogues).toContain("src/schedules/curves");
    const inside = sources.filter(({ path }) => catalogues.includes(dirname(path)));
    const wrong = inside.filter((source) => {
      if (isTest(source)) return !inside.some(({ path }) => path === source.path.replace(".test.ts", ".ts"));
      const { hasDefault, others } = exportsOf(source);
      return !hasDefault || others > 0 || !/^[a-z0-9][a-z0-9-]*\.ts$/.test(basename(source.path));
    });
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test("nothing outside a catalogue has a default export", () => {
    expect(
      sources.filter((source) => !catalogues.includes(dirname(source.path)) && exportsOf(source).hasDefault).map(({ path }) => path),
    ).toEqual([]);
  });

  test("a file's name says what it holds, and index.ts is src/index.ts alone", () => {
    const vague = /^(utils?|helpers?|misc|common|types|index)(\.test)?\.ts$/;
    expect(sources.filter(({ path }) => vague.test(basename(path)) && path !== "src/index.ts").map(({ path }) => path)).toEqual([]);
    expect(sources.filter(({ path }) => !/^[a-z0-9][a-z0-9-]*(\.test)?\.ts$/.test(basename(path))).map(({ path }) => path)).toEqual([]);
  });
});

describe("the checks themselves", () => {
  const source = (path: string, text: string): Source => ({
    path,
    text,
    tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true),
  });
  test("comments are not code, strings and templates are", () => {
    const text =
      "const a = 1; // cpu\n/* cpu */ const b = `x // cpu /* cpu */`;\nconst c = /\\/\\/cpu/;\n/** cpu */\nfunction f() { return 1; /* the cpu */ }\n";
    expect(linesWith(source("src/x.ts", text), /\bcpu\b/i).map((line) => line.split(":")[1])).toEqual(["2", "3"]);
  });
  test("every way to import is seen, and every way to export by default", () => {
    const text =
      'import type { A } from "./a.ts";\nexport * from "../b/b.ts";\nconst c = await import("./c.ts");\nimport "./d.ts";\nimport z from "zod";\n';
    expect(importsOf(source("src/x/y.ts", text)).sort()).toEqual(["src/b/b.ts", "src/x/a.ts", "src/x/c.ts", "src/x/d.ts"]);
    expect(loadedBy(source("src/x/y.ts", text))).toEqual(["src/b/b.ts", "src/x/d.ts"]);
    for (const form of ["export default 1;", "export default function f() {}", "const a = 1; export { a as default };"])
      expect(exportsOf(source("src/x.ts", form)), form).toEqual({ hasDefault: true, others: 0 });
    expect(exportsOf(source("src/x.ts", "export const a = 1; export type B = 1; const c = 1; export { c };"))).toEqual({
      hasDefault: false,
      others: 3,
    });
  });
});
