import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { compose, type Methods } from "../../src/continual/compose.ts";
import { methods as catalogue } from "../../src/continual/method.ts";
import { memory } from "../../src/engine/memory.ts";
import { release } from "../../src/engine/scope.ts";
import { sharedTasks } from "../../src/pipeline/shared-tasks.ts";
import type { RunEvent } from "../../src/runs/event.ts";
import { ObjectStore } from "../../src/runs/objects.ts";
import type { PlanContent } from "../../src/runs/plan.ts";
import type { Training } from "../../src/training/loop.ts";
import { leastOptions } from "../fixtures/training/method-runs.ts";
import { digest, openWorld, run, stage, startModel, type World } from "../fixtures/training/stage.ts";

// A task that a run learned before is taken by the next one of the same settings, to the same bits.

let world: World;
let root: string;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "shared-"));
  return () => rmSync(root, { recursive: true });
});

/** As much of a plan as decides what is learned. */
const planOf = (methods: readonly { readonly name: string }[], over: Readonly<Record<string, unknown>> = {}): PlanContent =>
  ({
    spec: { methods, seed: 3, model: {}, stream: {}, data: {}, engine: {}, eval: {}, budget: {}, ...over },
    model: {},
    sources: [],
    tasks: [],
    code: "v",
    engine: {},
  }) as unknown as PlanContent;

interface Told {
  readonly model: string;
  readonly scored: readonly string[];
  readonly events: readonly RunEvent[];
  /** Steps that were computed. */
  readonly learned: number;
}

async function trained(methods: Methods, over: Partial<Training> = {}): Promise<Told> {
  const before = memory().tensors;
  const model = startModel(methods);
  let learned = 0;
  const told = stage(world, model, { methods, ...over });
  const { schedule } = told.training;
  const events = await run({
    ...told.training,
    schedule: (at) => {
      learned += 1;
      return schedule(at);
    },
  });
  const found = { model: digest(model), scored: told.scored, events, learned };
  release(model);
  expect(memory().tensors).toBe(before);
  return found;
}

const sharing = (methods: Methods, over: Readonly<Record<string, unknown>> = {}) => ({
  sharing: sharedTasks(
    new ObjectStore(root),
    planOf(
      methods.list.map(({ name }) => ({ name })),
      over,
    ),
    methods,
  ),
});
/** As they are stored, without what a shared task tells beside them. */
const without = (events: readonly RunEvent[]): unknown =>
  JSON.parse(
    JSON.stringify(
      events
        .filter(({ type }) => type !== "shared" && type !== "saved")
        .map((event) => (event.type === "step" ? { ...event, timing: undefined } : event)),
    ),
  );
const rolesIn = (events: readonly RunEvent[]): readonly string[] =>
  events.flatMap((event) => (event.type === "shared" ? [event.role] : []));

async function built(name: string, options: object = leastOptions[name] ?? {}): Promise<Methods> {
  const definition = await catalogue.load(name);
  return compose([{ name, method: definition.build(definition.options.parse(options)) }]);
}

describe.each(catalogue.names())("%s", (name) => {
  test("is learned once: the second run takes every task and ends with the same bits, having told the same", async () => {
    const alone = await trained(await built(name));
    const first = await trained(await built(name), sharing(await built(name)));
    const second = await trained(await built(name), sharing(await built(name)));
    expect(rolesIn(first.events)).toEqual(["kept", "kept"]);
    expect(rolesIn(second.events)).toEqual(["taken", "taken"]);
    expect([alone.learned, first.learned, second.learned]).toEqual([5, 5, 0]);
    for (const told of [first, second]) {
      expect(told.model).toBe(alone.model);
      expect(told.scored).toEqual(alone.scored);
      expect(without(told.events)).toEqual(without(alone.events));
    }
  });
});

test("merges over time that start from the first weights train each expert once, whatever is merged and shipped", async () => {
  const learned: number[] = [];
  const scored = new Set<string>();
  for (const deploy of ["latest", "unrolled", "all"])
    for (const weight of [0.2, 0.8]) {
      const methods = await built("temporal-merging", { start: "zs", deploy, weight });
      const told = await trained(methods, sharing(methods));
      learned.push(told.learned);
      scored.add(told.scored.join());
    }
  expect(learned).toEqual([5, 0, 0, 0, 0, 0]);
  expect(scored.size).toBe(4);
});

test("another start of the second task shares the first alone", async () => {
  const chain = await built("temporal-merging", { start: "unrolled", weight: 0.5 });
  const other = await built("temporal-merging", { start: "unrolled", weight: 0.6 });
  expect((await trained(chain, sharing(chain))).learned).toBe(5);
  expect((await trained(other, sharing(other))).learned).toBe(2);
});

test.each([
  ["a seed", { seed: 4 }],
  ["an optimizer", { optim: { lr: 1 } }],
])("with another of %s nothing is shared", async (_, over) => {
  const methods = await built("finetune");
  expect((await trained(methods, sharing(methods))).learned).toBe(5);
  expect((await trained(methods, sharing(methods, over))).learned).toBe(5);
});

test("an altered object is found out, told of, and learned anew to the same bits", async () => {
  const methods = await built("si");
  const first = await trained(methods, sharing(methods));
  const objects = join(root, ".objects");
  for (const key of readdirSync(objects)) {
    const file = join(objects, key, "learned.safetensors");
    const bytes = readFileSync(file);
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
    writeFileSync(file, bytes);
  }
  const second = await trained(methods, sharing(methods));
  expect(second.learned).toBe(5);
  expect(second.model).toBe(first.model);
  expect(rolesIn(second.events)).toEqual(["kept", "kept"]);
  expect(second.events.filter((event) => event.type === "warning" && event.code === "EG-4303")).toHaveLength(2);
});

test("where nothing can be written the run goes on, and says so", async () => {
  const methods = await built("finetune");
  writeFileSync(join(root, ".objects"), "in the way");
  const told = await trained(methods, sharing(methods));
  expect(told.learned).toBe(5);
  expect(told.events.filter((event) => event.type === "warning" && event.code === "EG-5303")).toHaveLength(2);
});
