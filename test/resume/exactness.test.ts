import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { memory } from "../../src/engine/memory.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { folderOf, resume, train } from "./attempts.ts";
import { lastStep, makeWorld, type Outcome, outcome, type World } from "./world.ts";

let world: World;
const whole = new Map<string, Outcome>();
const precisions = ["fp32", "bf16"];

beforeAll(async () => {
  world = await makeWorld();
  for (const precision of precisions) {
    await train(world, `whole-${precision}`, { set: [`model.precision=${precision}`] });
    whole.set(precision, outcome(folderOf(world, `whole-${precision}`)));
  }
}, 120_000);
afterAll(() => world.remove());

test("the run is the one that was meant: rows of all three sources, moments inside a task", () => {
  const { tensors } = whole.get("fp32") as Outcome;
  expect(Object.values(tensors)).not.toContain("absent");
  expect(whole.get("bf16")?.tensors).not.toEqual(tensors);
  const ledger = new RunReader(folderOf(world, "whole-fp32")).ledger();
  expect(new Set(ledger.map(({ source }) => source))).toEqual(new Set(["update", "buffer", "pretraining"]));
  expect(ledger.reduce((sum, { n }) => sum + n, 0)).toBe(16 * lastStep);
});

test("no row of a task's own concepts comes from the buffer, and none of another task's from the update pool", () => {
  const reader = new RunReader(folderOf(world, "whole-fp32"));
  const concepts = reader.plan().tasks.map((task) => task.concepts);
  for (const { task, source, concept } of reader.ledger()) {
    if (source === "update") expect(concepts[task]).toContain(concept);
    if (source === "buffer") expect(concepts.slice(0, task).flat()).toContain(concept);
  }
});

test.each(precisions)(
  "stopped at every step border and resumed, %s ends the same",
  async (precision) => {
    const id = `stopped-${precision}`;
    const set = [`model.precision=${precision}`];
    const tensorsBefore = memory().tensors;
    let attempts = 0;
    for (let exit = 75; exit === 75; attempts++) {
      const stopAfter = ({ type }: { readonly type: string }): boolean => type === "step";
      // The workers' number changes from one attempt to the next; every second attempt is made by the run's id alone.
      const again =
        attempts % 2 === 0
          ? train(world, id, { set: [...set, `data.workers=${1 + (attempts % 3)}`], stopAfter })
          : resume(world, id, { stopAfter });
      ({ exit } = await again);
    }
    expect(attempts).toBe(lastStep + 1);
    expect(outcome(folderOf(world, id))).toEqual(whole.get(precision));
    expect(memory().tensors).toBe(tensorsBefore);
    const exact = new RunReader(folderOf(world, id)).events().filter((event) => event.type === "resumed");
    expect(exact.every((event) => event.exact)).toBe(true);
  },
  240_000,
);

test("stopped inside of an evaluation and resumed, it ends the same", async () => {
  let told = 0;
  const evaluating = { stopAfter: ({ type }: { readonly type: string }): boolean => type === "task-ended" };
  for (let exit = 75; exit === 75; told++) ({ exit } = await train(world, "evaluating", evaluating));
  expect(told).toBe(4);
  expect(outcome(folderOf(world, "evaluating"))).toEqual(whole.get("fp32"));
}, 120_000);

test("a kernel table that the environment asks for changes nothing in a run that has one", async () => {
  const stop = {
    stopAfter: (event: { readonly type: string; readonly step?: number }): boolean => event.type === "step" && event.step === 6,
  };
  await train(world, "kernels", stop);
  const before = new RunReader(folderOf(world, "kernels")).plan().engine.kernels;
  process.env.EVERGREEN_KERNELS = JSON.stringify(before).includes("onednn") ? "reference" : "auto";
  try {
    await resume(world, "kernels");
  } finally {
    delete process.env.EVERGREEN_KERNELS;
  }
  expect(outcome(folderOf(world, "kernels"))).toEqual(whole.get("fp32"));
}, 120_000);

test("a folder that was moved away from its data still resumes", async () => {
  await train(world, "moved", { stopAfter: (event) => event.type === "step" && event.step === 7 });
  const elsewhere = { ...world, root: join(world.folder, "another/place") };
  mkdirSync(join(elsewhere.root, "p"), { recursive: true });
  renameSync(folderOf(world, "moved"), folderOf(elsewhere, "moved"));
  const { events } = await resume(elsewhere, "moved");
  expect(events[0]).toMatchObject({ type: "resumed", step: 7, exact: true });
  expect(outcome(folderOf(elsewhere, "moved"))).toEqual(whole.get("fp32"));
}, 120_000);

test("the config.yaml of a run is that run: it trains to the same digests", async () => {
  const config = join(folderOf(world, "whole-bf16"), "config.yaml");
  expect(readFileSync(config, "utf8")).toContain("precision: bf16");
  await train({ ...world, runFile: config }, "again");
  expect(outcome(folderOf(world, "again"))).toEqual(whole.get("bf16"));
  expect(new RunReader(folderOf(world, "again")).plan().hash).toBe(new RunReader(folderOf(world, "whole-bf16")).plan().hash);
}, 120_000);
