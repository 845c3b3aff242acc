import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { memory, releaseMemory } from "../../src/engine/memory.ts";
import { release, scope } from "../../src/engine/scope.ts";
import { read, readFloats } from "../../src/engine/tensor.ts";
import { createLearner, learn } from "../../src/training/step.ts";
import { type SmallKind, smallBatch, smallModel, stepOptions } from "./small-models.ts";

const gibibyte = 2 ** 30;
const child = (...args: string[]): ReturnType<typeof spawnSync> =>
  spawnSync(process.execPath, [fileURLToPath(new URL("./memory-child.mjs", import.meta.url)), ...args], { encoding: "utf8" });

test("within 1 GiB, running out in forward, backward and optimizer is a typed error each, and the engine works on", () => {
  const { status, stdout, stderr } = child(String(gibibyte));
  expect(status, `${stderr}`).toBe(0);
  const outcome = JSON.parse(`${stdout}`) as readonly Record<string, unknown>[];
  expect(outcome.map(({ name }) => name)).toEqual(["forward", "backward", "optimizer"]);
  for (const each of outcome) {
    expect(each).toMatchObject({ code: "EG-5101", exit: "resources", tensors: 0, live: 0, withinLimit: true, works: 64 ** 3 });
    expect(each.message).toMatch(/the limit is 1073741824/);
  }
  expect(outcome[1]?.message).toMatch(/^grad: /);
  expect(outcome[2]?.message).toMatch(/^evergreen::adamw_: /);
});

test("a process that ends by it exits 5", () => {
  expect(child(String(gibibyte), "uncaught").status).toBe(5);
});

/** Steps on a fresh small model; the live tensors and bytes after each. */
function held(
  kind: SmallKind,
  precision: "fp32" | "bf16",
  steps: number,
): { readonly tensors: number; readonly live: number; readonly resident: number }[] {
  return scope(() => {
    const learner = createLearner(smallModel(kind), stepOptions({ precision }));
    const batch = smallBatch(kind);
    const after = Array.from({ length: steps }, (_, step) => {
      learn(learner, batch, { multiplier: 1, step });
      const { tensors, live } = memory();
      const { rss, heapTotal } = process.memoryUsage();
      return { tensors, live, resident: rss - heapTotal };
    });
    release(learner.moments);
    return after;
  });
}

for (const kind of ["vit", "resnet"] as const)
  test(`200 steps of a ${kind} model hold what two hold, and resident memory is flat within 2 %`, () => {
    const after = held(kind, "fp32", 200);
    const [second, last] = [after[1], after[199]] as [(typeof after)[0], (typeof after)[0]];
    expect(last.tensors).toBe(second.tensors);
    expect(last.live).toBe(second.live);
    // JavaScript's own heap, which breathes, is left out; what else varies: the lowest of the last fifty against the highest of the first hundred.
    const lowest = Math.min(...after.slice(150).map(({ resident }) => resident));
    const highest = Math.max(...after.slice(0, 100).map(({ resident }) => resident));
    expect(lowest / highest).toBeLessThan(1.02);
    releaseMemory();
  });

for (const kind of ["vit", "resnet"] as const)
  for (const precision of ["fp32", "bf16"] as const)
    test(`the same three ${precision} steps of a ${kind} model give the same bits`, () => {
      const bits = (): string[] =>
        scope(() => {
          const learner = createLearner(smallModel(kind), stepOptions({ precision }));
          const batch = smallBatch(kind);
          const losses = [0, 1, 2].map((step) => learn(learner, batch, { multiplier: 1, step }).loss);
          const hashes = [...learner.model.weights.values(), ...(learner.moments.exp_avg_sq?.values() ?? [])].map((each) =>
            Buffer.from(read(each).buffer).toString("base64"),
          );
          expect(readFloats([...learner.model.weights.values()][0] as never).every(Number.isFinite)).toBe(true);
          release(learner.moments);
          return [...losses.map(String), ...hashes];
        });
      expect(bits()).toEqual(bits());
    });
