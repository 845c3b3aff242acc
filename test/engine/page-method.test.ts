import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { methods } from "../../src/continual/method.ts";
import { pluginFolders, usePlugins } from "../../src/pipeline/catalogues.ts";
import { judge, methodClauses } from "../fixtures/training/method-clauses.ts";
import { MethodRuns } from "../fixtures/training/method-runs.ts";
import { openWorld, type World } from "../fixtures/training/stage.ts";

// The method of docs/add-a-method.md, as somebody would copy it.

const page = readFileSync(new URL("../../docs/add-a-method.md", import.meta.url), "utf8");
const folder = mkdtempSync(join(tmpdir(), "page-"));
let world: World;
beforeAll(async () => {
  const text = /```js\n(.*?)```/s.exec(page)?.[1] ?? "";
  expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(50);
  mkdirSync(join(folder, "methods"));
  writeFileSync(join(folder, "methods/my-method.mjs"), text);
  usePlugins([folder]);
  world = await openWorld();
});
afterAll(() => {
  world.close();
  usePlugins();
  rmSync(folder, { recursive: true });
});

test("it is a method: described, at work, repeatable, leaving nothing behind, planned", async () => {
  const runs = new MethodRuns(world, "my-method", await methods.load("my-method"));
  const { described, borrowing, moving, repeating, freeing, planning, costing } = methodClauses;
  for (const clause of [described, borrowing, moving, repeating, freeing, planning, costing])
    expect(await judge(clause, runs), clause.title).toEqual([]);
});

test("the page lists every hook and fact of a method, and none that there is not", () => {
  const source = readFileSync(new URL("../../src/continual/method.ts", import.meta.url), "utf8");
  const [, own = ""] = /^export interface Method<.*?\{\n(.*?)^\}/ms.exec(source) ?? [];
  const keys = [...own.matchAll(/^ {2}(?:readonly )?(\w+)\?[(:]/gm)].map(([, key]) => key);
  const rows = [...page.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)];
  const listed = rows.flatMap(([, names = ""]) => names.replaceAll("`", "").split(", "));
  expect(keys.length).toBeGreaterThan(20);
  expect(listed.toSorted()).toEqual(keys.toSorted());
});

test("the page of all kinds tells of each with its example", () => {
  const kinds = readFileSync(new URL("../../docs/add-a-part.md", import.meta.url), "utf8");
  const told = [...kinds.matchAll(/^\| `(\w+)` \|.*\| `([a-z-]+)` \|$/gm)];
  expect(told.map(([, name]) => name)).toEqual(pluginFolders.map(({ name }) => name));
  for (const [, name, example] of told)
    expect(readFileSync(new URL(`../../examples/parts/${name}/${example}.mjs`, import.meta.url), "utf8")).toContain("export default");
});
