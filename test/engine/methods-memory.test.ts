import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type MethodStates, Methods } from "../../src/continual/compose.ts";
import type { AppliedStep, TaskContext, WeightFlow } from "../../src/continual/method.ts";
import { memory, resetPeak } from "../../src/engine/memory.ts";
import { meterAsync } from "../../src/engine/meter.ts";
import { release, tensorsIn } from "../../src/engine/scope.ts";
import type { Weights } from "../../src/engine/tensor.ts";
import { readHeader } from "../../src/models/safetensors.ts";
import { distinctTexts } from "../../src/models/texts.ts";
import { expertLibrary } from "../../src/pipeline/expert-library.ts";
import { batchesAtTaskEnd } from "../../src/pipeline/plan-cost.ts";
import { type MeteredStep, meterStep } from "../../src/pipeline/plan-meter.ts";
import { rowInfo } from "../../src/training/batches.ts";
import { methodsOf } from "../fixtures/training/adapted.ts";
import { batchSize, openWorld, run, sampleCount, stage, stageFacts, startModel, type World } from "../fixtures/training/stage.ts";
import { tinyConfig, tinyOptions } from "../fixtures/training/tiny.ts";

// What a run of four tasks of six steps really holds and computes beside steps, against what a plan says of it.

const tasks = 4;
const steps = 6;
const tolerance = 0.02;

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const bytesOf = (of: unknown): number => 4 * [...tensorsIn(of)].reduce((sum, { size }) => sum + size, 0);

/** Methods that note the highest sum of live bytes, the most that their states and adapters hold, and what their starts and ends of tasks compute. */
class Watched extends Methods {
  stateBytes = 0;
  peakBytes = 0;
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Batches of each task that its end has asked for. */
  readonly looks: number[] = [];

  /** To be called before the meter counts its peak anew. */
  notePeak(): void {
    this.peakBytes = Math.max(this.peakBytes, memory().peak);
  }

  private note(states: MethodStates, adapters: unknown): MethodStates {
    this.stateBytes = Math.max(this.stateBytes, bytesOf([states, adapters]));
    return states;
  }

  override async startTask(task: TaskContext, states: MethodStates): Promise<MethodStates> {
    this.notePeak();
    const { result, flops } = await meterAsync(() => super.startTask(task, states));
    this.starts.push(flops);
    return this.note(result, task.model.adapters?.weights);
  }
  override async endTask(task: TaskContext, states: MethodStates): Promise<MethodStates> {
    let looks = 0;
    const counting: TaskContext = {
      ...task,
      async *batches(request) {
        for await (const batch of task.batches(request)) {
          looks += 1;
          yield batch;
        }
      },
    };
    this.notePeak();
    const { result, flops } = await meterAsync(() => super.endTask(counting, states));
    this.looks.push(looks);
    this.ends.push(flops);
    return this.note(result, task.model.adapters?.weights);
  }
  override afterStep(step: AppliedStep, states: MethodStates): MethodStates {
    return this.note(super.afterStep(step, states), step.model.adapters?.weights);
  }
  override async flow(expert: Weights, task: TaskContext, states: MethodStates): Promise<WeightFlow<MethodStates>> {
    const flow = await super.flow(expert, task, states);
    this.note(flow.state ?? states, task.model.adapters?.weights);
    return flow;
  }
}

/** The run, and the plan of it. */
async function both(
  name: string,
  options: object,
): Promise<{
  readonly real: Watched;
  readonly peakBytes: number;
  readonly fileBytes: number;
  readonly planned: MeteredStep;
  readonly batches: number;
}> {
  const real = new Watched((await methodsOf(name, options)).list);
  const model = startModel(real);
  const folder = mkdtempSync(join(tmpdir(), "experts-"));
  const [work] = stage(world, model).training.tasks;
  if (!work) throw new Error("a stage without a task");
  const facts = { ...stageFacts, tasks };
  const all = Array.from({ length: tasks }, () => ({ ...work, steps }));
  const { training } = stage(world, model, { methods: real, facts, tasks: all, experts: expertLibrary(folder) });
  const { batches, seen } = training;
  const tokens = (texts: readonly string[]) => distinctTexts(texts, batches.tokenize, batches.contextLength).batch;
  const rows = work.rowsAt(1);
  const { batch: texts, rowOf: textOf } = distinctTexts(
    rows.map(({ caption }) => caption),
    batches.tokenize,
    batches.contextLength,
  );
  const course = { steps: all.map(() => steps), seen, tokens };
  const methods = await methodsOf(name, options);
  const planned = await meterStep(tinyConfig, tinyOptions, { texts, textOf }, { methods, facts, rows: rows.map(rowInfo), course });
  const others = memory().live - bytesOf(model.weights);
  resetPeak();
  await run(training);
  real.notePeak();
  release(model);
  const fileBytes = await tensorBytes(join(folder, "experts"));
  rmSync(folder, { recursive: true });
  return {
    real,
    peakBytes: real.peakBytes - others,
    fileBytes,
    planned,
    batches: batchesAtTaskEnd(methods, { samples: sampleCount, batchSize }),
  };
}

/** Of all tensors in the files of a folder. */
async function tensorBytes(folder: string): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const headers = await Promise.all(readdirSync(folder).map((file) => readHeader(join(folder, file))));
  return headers.flatMap(({ entries }) => entries).reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);
}

const apart = (planned: number, real: number): number => Math.abs(planned / real - 1);

test.each([
  ["ewc", {}],
  ["ewc", { memory: "separate" }],
  ["ewc", { memory: "separate", anchor: "expert" }],
  ["weight-space-consolidation", { every: 2 }],
  ["weight-space-consolidation", { every: 5 }],
  ["zscl", { weFreq: 7 }],
  ["zscl", { weFreq: 3 }],
  ["zscl", { weFreq: 1 }],
  ["checkpoint-averaging", { k: 2, every: 3 }],
  ["checkpoint-averaging", { k: 3, every: 1 }],
  ["lora-per-task", { r: 2 }],
  ["lora-per-task", { r: 2, deploy: "max-logit" }],
  ["temporal-merging", { weight: 0.9 }],
  ["temporal-merging", { start: "zs", deploy: "all" }],
] as const)("%s with %o holds at its most what its plan says", async (name, options) => {
  const { real, planned } = await both(name, options);
  expect(apart(planned.stateBytes, real.stateBytes), `${planned.stateBytes} planned, ${real.stateBytes} held`).toBeLessThan(tolerance);
});

test.each([
  ["finetune", {}],
  ["ewc", {}],
  ["ewc", { memory: "separate" }],
  ["si", {}],
  ["weight-space-consolidation", { every: 2 }],
  ["temporal-merging", { weight: 0.9 }],
  ["temporal-merging", { start: "zs", deploy: "all" }],
] as const)("%s with %o has the planned peak of memory over a whole run", async (name, options) => {
  const { peakBytes, planned } = await both(name, options);
  expect(apart(planned.peakBytes, peakBytes), `${planned.peakBytes} planned, ${peakBytes} at the peak`).toBeLessThan(tolerance);
});

test.each([
  ["temporal-merging", { start: "zs", deploy: "all", operator: "ties" }],
  ["temporal-merging", { start: "zs", deploy: "all", operator: "linear", reverse: true }],
  ["temporal-merging", { start: "zs", deploy: "all", operator: "fisher", maxSamples: 4 }],
  ["temporal-merging", { start: "zs", deploy: "all", operator: "regmean", maxSamples: 4 }],
  ["temporal-merging", { start: "zs", deploy: "all" }],
  ["lora-per-task", { deploy: "max-logit" }],
  ["lora-per-task", {}],
] as const)("%s with %o leaves the files of experts that its plan says", async (name, options) => {
  const { fileBytes, planned } = await both(name, options);
  expect(planned.expertBytes).toBe(fileBytes);
});

test.each([
  // Half a batch of four, one and a half, two.
  ["orthogonal", { maxSamples: 2 }],
  ["orthogonal", { maxSamples: 6 }],
  ["orthogonal", { maxSamples: 8 }],
  ["temporal-merging", { start: "zs", deploy: "all", operator: "regmean", maxSamples: 2 }],
  ["ewc", { maxSamples: 2 }],
] as const)("%s with %o looks at as many batches when a task ends as its plan says", async (name, options) => {
  const { real, planned, batches } = await both(name, options);
  expect(real.looks).toEqual(Array(tasks).fill(batches));
  for (const end of real.ends) expect(end).toBeLessThanOrEqual(batches * planned.between.flops * (1 + tolerance));
});

test("what ZSCL computes before the first step is what its plan says, and nothing of it later", async () => {
  const { real, planned } = await both("zscl", {});
  expect(planned.startFlops).toBeGreaterThan(0);
  expect(real.starts).toEqual([planned.startFlops, 0, 0, 0]);
});
