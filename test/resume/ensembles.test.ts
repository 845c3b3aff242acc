import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as evaluateCommand from "../../src/cli/commands/eval.ts";
import * as merge from "../../src/cli/commands/merge.ts";
import * as convert from "../../src/cli/model-convert.ts";
import * as encodeCommand from "../../src/cli/model-encode.ts";
import * as info from "../../src/cli/model-info.ts";
import { type ScoreRequest, scoreModel } from "../../src/cli/score-model.ts";
import { memory } from "../../src/engine/memory.ts";
import { release } from "../../src/engine/scope.ts";
import { item, type Tensor } from "../../src/engine/tensor.ts";
import { loadModel } from "../../src/models/load.ts";
import { encode } from "../../src/pipeline/encode.ts";
import { openRunData } from "../../src/pipeline/sources.ts";
import { checkpointName, hashFileSync } from "../../src/runs/checkpoint.ts";
import type { RunEvent } from "../../src/runs/event.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { readSpec } from "../../src/runs/spec.ts";
import { captured } from "../fixtures/cli/captured.ts";
import { folderOf, resume, train } from "./attempts.ts";
import { makeWorld, request, type World } from "./world.ts";

// A run whose tasks' models are shipped as one, the largest of their logits counting.

const method = "methods=[{name: lora-per-task, r: 4, deploy: max-logit, tune_logit_scale: true}]";
const set = [method, "optim.lr=0.02", "budget.per_task=2 steps", "checkpoint.keep_last=9"];
const id = "whole";
let world: World;
let events: readonly RunEvent[];
beforeAll(async () => {
  world = await makeWorld();
  ({ events } = await train(world, id, { set }));
}, 120_000);
afterAll(() => world.remove());

const experts = (run = id): readonly string[] =>
  readdirSync(join(folderOf(world, run), "experts"))
    .sort()
    .map((file) => join(folderOf(world, run), "experts", file));
const shipped = (done: number, run = id): string =>
  join(folderOf(world, run), "checkpoints", checkpointName(done, 2 * done), "model.safetensors");

/** Metrics of the photos after so many tasks, as the run told them. */
function reported(done: number): Readonly<Record<string, number>> {
  const found = events.find((event) => event.type === "evaluated" && event.source === "photos" && event.task === done - 1);
  return found?.type === "evaluated" ? valuesOf(found.measurements) : {};
}

const valuesOf = (rows: readonly { readonly metric: string; readonly value: number }[]): Readonly<Record<string, number>> =>
  Object.fromEntries(rows.map(({ metric, value }) => [metric, value]));

/** Metrics of every evaluation, in the order told. */
const scoresIn = (told: readonly RunEvent[]) => told.flatMap((event) => (event.type === "evaluated" ? [valuesOf(event.measurements)] : []));

/** Logits of the photos [N, K] by one model, and their classes. */
async function logitsOf(file: string): Promise<{ readonly logits: readonly (readonly number[])[]; readonly labels: readonly number[] }> {
  const { spec } = readSpec(request(world, set));
  const photos = (await openRunData(spec, world.folder)).evaluated.find(({ name }) => name === "photos");
  if (!photos) throw new Error("no photos");
  const records = photos.records("test");
  const loaded = await loadModel(file);
  const images = records.flatMap(({ image }) => (image.kind === "file" ? [image.path] : []));
  const texts = photos.classNames.map((name) => (photos.templates[0] ?? "{}").replaceAll("{}", name));
  const { image, text } = await encode(loaded, { images, texts }, { precision: "fp32", batchSize: 16 });
  const scale = Math.exp(item(loaded.model.weights.get("logit_scale") as Tensor));
  release(loaded.model);
  const row = ({ values, width }: typeof image, i: number): readonly number[] => [...values.slice(i * width, (i + 1) * width)];
  const logit = (i: number, k: number): number => {
    const other = row(text, k);
    return scale * row(image, i).reduce((sum, entry, at) => sum + entry * (other[at] ?? Number.NaN), 0);
  };
  return {
    logits: records.map((_, i) => photos.classNames.map((__, k) => logit(i, k))),
    labels: records.map(({ className }) => photos.classNames.indexOf(className ?? "")),
  };
}

/** Accuracy and expected calibration error of logits, by their definitions. */
function scoresOf(logits: readonly (readonly number[])[], labels: readonly number[]): { readonly acc1: number; readonly ece: number } {
  const sure = logits.map((row) => {
    const highest = Math.max(...row);
    return {
      right: row.indexOf(highest) === labels[logits.indexOf(row)],
      confidence: 1 / row.reduce((sum, each) => sum + Math.exp(each - highest), 0),
    };
  });
  const bins = Array.from({ length: 15 }, (_, bin) => sure.filter(({ confidence }) => Math.ceil(15 * confidence) === bin + 1));
  const error = bins.reduce(
    (sum, bin) => sum + Math.abs(bin.reduce((gap, { right, confidence }) => gap + Number(right) - confidence, 0)),
    0,
  );
  return { acc1: sure.filter(({ right }) => right).length / sure.length, ece: error / sure.length };
}

test.each([1, 2, 3])("what is reported after task %i is the largest logit over the files of the experts so far", async (done) => {
  const all = await Promise.all(experts().slice(0, done).map(logitsOf));
  const labels = all[0]?.labels ?? [];
  const largest = (all[0]?.logits ?? []).map((row, i) =>
    row.map((_, k) => Math.max(...all.map(({ logits }) => logits[i]?.[k] ?? Number.NaN))),
  );
  const [ours, found] = [scoresOf(largest, labels), reported(done)];
  expect(found.acc1).toBe(ours.acc1);
  expect(found.ece).toBeCloseTo(ours.ece, 5);
  if (done === 1) return;
  const last = scoresOf(all.at(-1)?.logits ?? [], labels);
  expect(Math.abs(last.ece - ours.ece)).toBeGreaterThan(1e-3);
});

const plain: ScoreRequest = { model: "", batchSize: 16, precision: "fp32", templates: "single", onSet: () => undefined };
const scored = async (model: string, more: Partial<ScoreRequest> = {}): Promise<Readonly<Record<string, number>>> => {
  const { rows } = await scoreModel({ ...plain, model, ...more });
  return valuesOf(rows.filter(({ dataset }) => dataset === "photos"));
};

test("what is scored later of a checkpoint is what the run reported of it", async () => {
  const before = memory().tensors;
  for (const done of [1, 2, 3]) expect(await scored(shipped(done))).toEqual(reported(done));
  const last = await scored(experts()[2] ?? "", { suite: [join(world.folder, "photos")] });
  expect(Math.abs((last.ece ?? Number.NaN) - (reported(3).ece ?? Number.NaN))).toBeGreaterThan(1e-3);
  expect(memory().tensors).toBe(before);
}, 120_000);

test("in half precision one model after another is copied, and nothing of it stays", async () => {
  const before = memory().tensors;
  await train(world, "bf16", { set: [...set, "model.precision=bf16"] });
  expect(memory().tensors).toBe(before);
}, 120_000);

test("what is shipped as one is taken for no single model: the files that are some are named", async () => {
  const alone = /task-1-[0-9a-f]{16}\.safetensors, .*experts\/task-2-[0-9a-f]{16}\.safetensors$/;
  await expect(loadModel(shipped(2))).rejects.toMatchObject({ code: "EG-4403", exit: "data", fix: expect.stringMatching(alone) as string });
  await expect(train(world, "later", { set: [`model.init=${shipped(2)}`] })).rejects.toMatchObject({ code: "EG-4403" });
  const out = join(world.folder, "converted.safetensors");
  expect((await captured(convert, shipped(2), out)).failure).toMatch(/^EG-4403 .*is the last of 2 models/);
  expect((await captured(convert, experts()[1] ?? "", out)).exit).toBe(0);
  // One task's model is a model.
  expect((await captured(convert, shipped(1), out)).exit).toBe(0);
  expect((await captured(info, shipped(2))).out).toMatch(/^one of +2 models .*task-2-[0-9a-f]{16}/m);
});

test.each([
  ["merge", [merge, "--out", "merged", shipped, shipped]],
  ["model encode", [encodeCommand, "--text", "x", "--out", "rows.npy", "--model", shipped]],
  ["eval --drift", [evaluateCommand, "--drift", shipped]],
] as const)(
  "%s takes no part for the whole",
  async (_, [command, ...argv]) => {
    const { failure } = await captured(command, ...argv.map((each) => (typeof each === "string" ? each : each(3))));
    expect(failure).toMatch(/^EG-4403 .*is the last of \d models that are one/);
  },
  120_000,
);

test("runs that share take no ensemble's evaluation for its last model's, nor the other way round", async () => {
  for (const run of ["gives", "takes"]) {
    const found = await train(world, run, { set, share: true });
    expect(scoresIn(found.events)).toEqual(scoresIn(events));
    const shared = found.events.flatMap((event) =>
      event.type === "shared" && event.what === "evaluation" ? [`${event.task} ${event.role}`] : [],
    );
    expect(shared).toEqual(run === "gives" ? ["-1 kept", "0 kept"] : ["-1 taken", "0 taken"]);
  }
}, 120_000);
test("evergreen eval says how many models it scores", async () => {
  const { out } = await captured(evaluateCommand, shipped(3));
  expect(out).toMatch(/model\.safetensors: .*, the last of 3 whose largest logits count/);
  expect((await captured(evaluateCommand, shipped(1))).out).not.toContain("largest logits");
}, 120_000);

test("an evaluator that scores single models is refused before anything is trained or scored", async () => {
  const probe = { name: "linear-probe", l2: 0.1 };
  await expect(train(world, "probed", { set: [...set, "eval.evaluator={name: linear-probe, l2: 0.1}"] })).rejects.toMatchObject({
    code: "EG-3114",
    exit: "config",
  });
  await expect(scored(shipped(2), { evaluator: probe })).rejects.toMatchObject({ code: "EG-3114" });
  expect(await scored(shipped(1), { evaluator: probe })).toHaveProperty("lp_acc1");
}, 120_000);

test("stopped after each step, before and after each evaluation, and gone on with, it tells, ships and keeps the same", async () => {
  const stops = (event: RunEvent): boolean => ["step", "task-ended", "lineage", "saved"].includes(event.type);
  for (let { exit } = await train(world, "stopped", { set, stopAfter: stops }); exit !== 0; )
    ({ exit } = await resume(world, "stopped", { stopAfter: stops }));
  const ended = (run: string) => ({
    ...new RunReader(folderOf(world, run)).digests(),
    experts: experts(run).map((file) => basename(file)),
    model: hashFileSync(shipped(3, run)),
  });
  expect(ended("stopped")).toEqual(ended(id));
}, 240_000);

test("a part that was damaged meanwhile is refused by its name, and so is one that is gone", async () => {
  const [first = ""] = experts();
  const bytes = readFileSync(first);
  try {
    writeFileSync(first, bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1));
    await expect(scored(shipped(3))).rejects.toMatchObject({
      code: "EG-4401",
      message: expect.stringContaining(`${basename(first)}: its digest`) as string,
    });
    rmSync(first);
    await expect(scored(shipped(3))).rejects.toMatchObject({ code: "EG-4401", message: expect.stringContaining("is missing") as string });
  } finally {
    writeFileSync(first, bytes);
  }
}, 120_000);
