import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeEach, expect, test } from "vitest";
import { Catalog, type Component } from "./component.ts";
import { pluginDigest } from "./plugin-file.ts";

const root = mkdtempSync(join(tmpdir(), "plugins-"));
afterAll(() => rmSync(root, { recursive: true }));
let folder: string;
let turn = 0;
beforeEach(() => {
  folder = join(root, String(turn++));
  mkdirSync(join(folder, "own"), { recursive: true });
  mkdirSync(join(folder, "second"));
  mkdirSync(join(folder, "built-in"));
});
const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const url = (name: string): URL => pathToFileURL(join(folder, name, "/"));
const part = (summary: string): string =>
  `export default { summary: ${JSON.stringify(summary)}, options: { safeParse: () => ({ success: true }) } };\n`;

test("users' own parts stand behind those that ship; files that are no parts are none", () => {
  for (const name of ["b.ts", "a.js", "a.test.ts", "a.d.ts", "note.md"]) write(`built-in/${name}`, "");
  for (const name of ["aa.mjs", "c.ts", "d.js", "c.test.mjs", "e.fixture.mjs", "Upper.mjs"]) write(`own/${name}`, "");
  const catalogue = new Catalog("thing", [url("built-in")]);
  expect(catalogue.names()).toEqual(["a", "b"]);
  catalogue.extend([url("own")]);
  expect(catalogue.names()).toEqual(["a", "b", "aa", "c", "d"]);
  expect(catalogue.pluginFolders()).toEqual([url("own").href]);
  catalogue.extend([]);
  expect(catalogue.names()).toEqual(["a", "b"]);
});

test("a part that would take another's place is refused with both files, and the catalogue stays as it was", () => {
  write("built-in/a.ts", "");
  write("own/a.mjs", "");
  write("own/b.mjs", "");
  write("second/b.mjs", "");
  const catalogue = new Catalog("thing", [url("built-in")]);
  const refused = (...folders: readonly string[]) => {
    try {
      catalogue.extend(folders.map(url));
    } catch (error) {
      return error;
    }
    return undefined;
  };
  const message = `thing "a" is there twice: ${join(folder, "built-in/a.ts")} and ${join(folder, "own/a.mjs")}`;
  expect(refused("own")).toMatchObject({ code: "EG-3161", message });
  expect(catalogue.names()).toEqual(["a"]);
  rmSync(join(folder, "own/a.mjs"));
  expect(refused("own", "second")).toMatchObject({ message: expect.stringMatching(/own\/b\.mjs and .*second\/b\.mjs$/) });
});

test("loads the default export, and says what is wrong with a file that holds no part", async () => {
  write("own/good.mjs", part("One."));
  write("own/none.mjs", "export const part = 1;\n");
  write("own/silent.mjs", "export default { options: {} };\n");
  write("own/free.mjs", 'export default { summary: "s." };\n');
  write("own/broken.mjs", "throw new Error('on the way');\n");
  const catalogue = new Catalog<Component>("thing", []);
  catalogue.extend([url("own")]);
  expect(await catalogue.load("good")).toMatchObject({ summary: "One." });
  const wrong = { none: /got none/, silent: /expected a summary/, free: /expected options/, broken: /cannot be loaded: on the way/ };
  for (const [name, said] of Object.entries(wrong))
    await expect(catalogue.load(name)).rejects.toMatchObject({ code: "EG-3162", message: expect.stringMatching(said) });
  await expect(catalogue.load("godo")).rejects.toMatchObject({ code: "EG-3004", fix: 'did you mean "good"?' });
});

test("a digest is of the file and of the files beside it that it names, wherever it lies", () => {
  const digest = (place: string, table = "[1]", more = ""): string => {
    mkdirSync(join(folder, place), { recursive: true });
    write(`${place}/a.mjs`, `import { half } from "./half.mjs";\nexport default half;\n${more}`);
    write(`${place}/half.mjs`, 'export const half = new URL("./table.json", import.meta.url);\n');
    write(`${place}/table.json`, table);
    write(`${place}/unused.mjs`, place);
    return pluginDigest(pathToFileURL(join(folder, place, "a.mjs")));
  };
  const first = digest("here");
  expect(first).toMatch(/^[0-9a-f]{16}$/);
  expect(digest("there")).toBe(first);
  expect(digest("there", "[2]")).not.toBe(first);
  expect(digest("there", "[1]", "// a word\n")).not.toBe(first);
  expect(digest("there")).toBe(first);
});
