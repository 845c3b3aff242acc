import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClauseName, judge, methodClauses } from "../fixtures/training/method-clauses.ts";
import { MethodRuns } from "../fixtures/training/method-runs.ts";
import { openWorld, type World } from "../fixtures/training/stage.ts";
import { wrongMethods } from "../fixtures/training/wrong-methods.ts";

// The contract of methods, held against methods that break it: each clause tells what it is meant for, and nothing else.

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

describe.each(wrongMethods)("$title", ({ definition, breaks, alsoBreaks = [], says }) => {
  test(`breaks the clause "${methodClauses[breaks].title}", and none that could hold`, async () => {
    const runs = new MethodRuns(world, "wrong", definition);
    const broken = new Map<ClauseName, readonly string[]>();
    for (const name of Object.keys(methodClauses) as ClauseName[]) {
      const failures = await judge(methodClauses[name], runs);
      if (failures.length > 0) broken.set(name, failures);
    }
    expect([...broken.keys()].sort()).toEqual([breaks, ...alsoBreaks].sort());
    expect(broken.get(breaks)?.join("\n")).toMatch(says);
  });
});
