import { afterAll, describe, expect, test } from "vitest";
import { ownClipLoss, sampleLoop, worstError } from "../../test/fixtures/continual/sample-loop.ts";
import { taskOver } from "../../test/fixtures/continual/task.ts";
import { tinyBatch, tinyModel } from "../../test/fixtures/training/tiny.ts";
import { release, scope } from "../engine/scope.ts";
import type { Weights } from "../engine/tensor.ts";
import { diagonalFisher } from "./fisher.ts";
import type { RunFacts } from "./method.ts";

const model = tinyModel();
afterAll(() => release(model));
const square = (entry: number): number => entry * entry;

const fisherOf = (run: Partial<RunFacts> = {}, batch = tinyBatch): Promise<Weights> =>
  diagonalFisher(taskOver(model, { run, batches: [batch] }), { fisher: "sample", maxSamples: 8 });

describe("the Fisher information by sample is that of a backward pass for each sample", () => {
  const expected = scope(() => sampleLoop(model, tinyBatch(), { measure: square, number: ownClipLoss }));
  test.each([
    ["at once", {}],
    ["three samples at a time", { microBatch: 3 }],
    ["one sample at a time", { microBatch: 1 }],
  ])("%s, for every parameter", async (_, run) => {
    const fisher = await fisherOf(run);
    expect([...fisher.keys()]).toEqual([...model.weights.keys()]);
    const { name, error } = worstError(fisher, expected);
    expect(error, name).toBeLessThan(1e-5);
    release(fisher);
  });
});
