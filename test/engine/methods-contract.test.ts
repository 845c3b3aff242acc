import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { methods as catalogue } from "../../src/continual/method.ts";
import { judgedParts, judgesAll, shippedParts } from "../fixtures/judged-parts.ts";
import { judge, methodClauses } from "../fixtures/training/method-clauses.ts";
import { MethodRuns, variants } from "../fixtures/training/method-runs.ts";
import { openWorld, type World } from "../fixtures/training/stage.ts";

// What is true of every method, over the catalogue: no method is left out.

const names = judgedParts("method");
/** Under which options each of them is judged: its least ones, and those of its variants. */
const cases: readonly { readonly title: string; readonly name: string; readonly options?: object }[] = names.flatMap((name) => [
  { title: name, name },
  ...variants.flatMap(([of, options]) => (of === name ? [{ title: `${name} with ${JSON.stringify(options)}`, name, options }] : [])),
]);
const clauses = Object.values(methodClauses);
const judged: string[] = [];
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

test.runIf(judgesAll)("the catalogue holds a method for every file", () => {
  expect(shippedParts("method")).toEqual(methodFiles());
  expect(names.slice(0, methodFiles().length)).toEqual(methodFiles());
  expect(names).toContain("finetune");
});

describe.each(cases)("$title", ({ title: judgedAs, name, options }) => {
  let runs: MethodRuns;
  beforeAll(async () => {
    runs = new MethodRuns(world, name, await catalogue.load(name), options);
  });

  test.each(clauses)("$title", async (clause) => {
    expect(await judge(clause, runs)).toEqual([]);
    judged.push(`${judgedAs}: ${clause.title}`);
  });
});

test("every one of them was held to every clause", () => {
  expect(judged).toEqual(cases.flatMap(({ title }) => clauses.map((clause) => `${title}: ${clause.title}`)));
});

function methodFiles(): readonly string[] {
  const files = readdirSync(new URL("../../src/continual/methods/", import.meta.url));
  return files
    .filter((file) => /^[a-z0-9-]+\.ts$/.test(file))
    .map((file) => file.replace(".ts", ""))
    .sort();
}
