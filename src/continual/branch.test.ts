import { afterAll, beforeAll, expect, test } from "vitest";
import { digest, openWorld, run, runUntil, type Stage, stage, type World } from "../../test/fixtures/training/stage.ts";
import { tinyModel } from "../../test/fixtures/training/tiny.ts";
import { release } from "../engine/scope.ts";
import { branchMethod, type TaskLengths } from "./branch.ts";
import { compose } from "./compose.ts";
import type { Method } from "./method.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

async function trained(method: Method): Promise<Pick<Stage, "scored" | "saved"> & { readonly model: string }> {
  const model = tinyModel();
  const told = stage(world, model, { methods: compose([{ name: "branch", method }]) });
  await run(told.training);
  const found = { model: digest(model), scored: told.scored, saved: told.saved };
  release(model);
  return found;
}
const branching = (from: (steps: TaskLengths) => number | undefined): Promise<Awaited<ReturnType<typeof trained>>> =>
  trained(branchMethod("schedule", from) as Method);

test("the end of the branch is evaluated, the next task starts from the weights before it", async () => {
  const plain = await trained({});
  const beforeBranch = await runUntil(world, 2);
  const branched = await branching(({ own }) => own - 1);
  // The first task has three steps, the last of which is the branch.
  expect(branched.scored.slice(0, 2)).toEqual(plain.scored.slice(0, 2));
  expect(branched.saved[0]?.model).toBe(beforeBranch.model);
  expect(branched.saved[0]?.model).not.toBe(plain.saved[0]?.model);
  expect(branched.scored[2]).not.toBe(plain.scored[2]);
});

test("without a branch it is plain fine-tuning", async () => {
  const plain = await trained({});
  const none = await branching(() => undefined);
  expect([none.model, none.scored]).toEqual([plain.model, plain.scored]);
});

test("the lengths asked about are those of the first task and of the own one", async () => {
  const asked: TaskLengths[] = [];
  await branching((steps) => {
    asked.push(steps);
    return undefined;
  });
  expect(asked).toEqual([
    { first: 3, own: 3 },
    { first: 3, own: 2 },
  ]);
});
