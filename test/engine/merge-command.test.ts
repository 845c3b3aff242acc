import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as merge from "../../src/cli/commands/merge.ts";
import { release } from "../../src/engine/scope.ts";
import { readFloats } from "../../src/engine/tensor.ts";
import { initialiseModel, loadModel } from "../../src/models/load.ts";
import { saveModel } from "../../src/models/save.ts";
import { createRandom } from "../../src/util/random.ts";
import { captured } from "../fixtures/cli/captured.ts";
import { tinyConfig } from "./tiny-config.ts";
import { furthest } from "./toy-merges.ts";

const place = mkdtempSync(join(tmpdir(), "merge command ü "));
const at = (name: string): string => join(place, name);
afterAll(() => rmSync(place, { recursive: true }));

const config = tinyConfig(2);
beforeAll(async () => {
  for (const [name, seed] of [
    ["base", 1],
    ["a", 2],
    ["b", 3],
  ] as const) {
    const { model, preprocess } = initialiseModel(config, createRandom(seed));
    await saveModel(at(`${name}.safetensors`), model, { preprocess });
    release(model);
  }
});
const [base, a, b] = ["base", "a", "b"].map((name) => at(`${name}.safetensors`)) as [string, string, string];

async function projection(path: string): Promise<Float32Array> {
  const { model } = await loadModel(path);
  const weight = model.weights.get("text_projection");
  const entries = weight ? readFloats(weight) : new Float32Array();
  release(model);
  return entries;
}
const mixed = async (wa: number, wb: number, wBase = 0): Promise<number[]> => {
  const [one, two, from] = [await projection(a), await projection(b), await projection(base)];
  return Array.from(one, (value, i) => wa * value + wb * (two[i] ?? 0) + wBase * (from[i] ?? 0));
};
const digest = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
const evergreen = (...args: string[]) => captured(merge, ...args);
const json = async (...args: string[]): Promise<ReturnType<typeof JSON.parse>> => JSON.parse((await evergreen(...args, "--json")).out);

test("two models become the folder that OpenCLIP opens, with a record of what was merged", async () => {
  const { exit, out, err } = await evergreen(a, b, "--base", base, "--weights", "0.25,0.75", "--out", at("mean"));
  expect([exit, out]).toEqual([0, ""]);
  expect(err).toMatch(/image: moved 0\.\d+ times as far from the base as its models\ntext: moved .*\nwrote .*: 2 models, float32, /);
  expect(readdirSync(at("mean")).sort()).toEqual(["merge.json", "open_clip_config.json", "open_clip_model.safetensors"]);
  expect(furthest(await projection(at("mean")), await mixed(0.25, 0.75))).toBeLessThan(1e-6);
  const record = JSON.parse(readFileSync(at("mean/merge.json"), "utf8"));
  expect(record).toMatchObject({
    format: "evergreen-merge/1",
    base,
    models: [a, b],
    image: { operator: { name: "linear" } },
    dtype: "float32",
  });
  expect(record.growth.map(({ tower }: { tower: string }) => tower)).toEqual(["image", "text"]);
});

test("a merge file says the same as flags, bit for bit, and flags stand over it", async () => {
  writeFileSync(
    at("merge.yaml"),
    [
      "merge_method: ties",
      "base_model: ./base.safetensors",
      "models:",
      "  - ./a.safetensors",
      "  - model: ./b.safetensors",
      "parameters:",
      "  density: 0.4",
      "  lambda: 0.5",
      "",
    ].join("\n"),
  );
  await evergreen("-C", at("merge.yaml"), "--out", at("file.safetensors"));
  await evergreen(a, b, "--base", base, "--method", "ties", "--set", "remove=0.6", "--set", "lambda=0.5", "--out", at("flags.safetensors"));
  expect(digest(at("file.safetensors"))).toBe(digest(at("flags.safetensors")));
  await evergreen("-C", at("merge.yaml"), "--set", "lambda=1", "--out", at("other.safetensors"));
  expect(digest(at("other.safetensors"))).not.toBe(digest(at("file.safetensors")));
});

test("mergekit's names and shares mean what they mean there", async () => {
  const file = (method: string, parameters: string): string =>
    `merge_method: ${method}\nbase_model: ./base.safetensors\nmodels: [./a.safetensors, ./b.safetensors]\nparameters: {${parameters}}\n`;
  const pairs = [
    ["breadcrumbs_ties", "density: 0.7, gamma: 0.1", ["breadcrumbs-ties", "remove=0.2", "top=0.1"]],
    ["breadcrumbs", "density: 0.9", ["breadcrumbs", "remove=0.09", "top=0.01"]],
    // The share that stays comes before the largest that go.
    ["breadcrumbs", "density: 0.95, gamma: 0.1", ["breadcrumbs", "remove=0", "top=0.05"]],
    ["dare_linear", "density: 0.25", ["dare", "remove=0.75"]],
    ["ties", "density: 0.5, normalize: false, int8_mask: true", ["ties", "remove=0.5", "merge=sum"]],
    ["dare_ties", "density: 0.5, normalize: true", ["dare-ties", "remove=0.5", "merge=mean"]],
    ["task_arithmetic", "lambda: 0.5", ["task-arithmetic", "lambda=0.5"]],
  ] as const;
  for (const [method, parameters, [ours, ...set]] of pairs) {
    writeFileSync(at("theirs.yaml"), file(method, parameters));
    await evergreen("-C", at("theirs.yaml"), "--out", at("theirs.safetensors"));
    const flags = set.flatMap((each) => ["--set", each]);
    await evergreen(a, b, "--base", base, "--method", ours, ...flags, "--out", at("ours.safetensors"));
    expect([method, parameters, digest(at("theirs.safetensors"))]).toEqual([method, parameters, digest(at("ours.safetensors"))]);
  }
  const listed = (density: number): string =>
    [
      "merge_method: ties",
      "base_model: ./base.safetensors",
      "models:",
      "  - model: ./base.safetensors",
      "  - {model: ./a.safetensors, parameters: {density: 0.5, weight: 0.5}}",
      `  - {model: ./b.safetensors, parameters: {density: ${density}, weight: 2}}`,
      "parameters: {normalize: false}",
      "",
    ].join("\n");
  writeFileSync(at("theirs.yaml"), listed(0.5));
  await evergreen("-C", at("theirs.yaml"), "--out", at("theirs.safetensors"));
  await evergreen(
    a,
    b,
    "--base",
    base,
    "--method",
    "ties",
    "--set",
    "remove=0.5",
    "--set",
    "merge=sum",
    "--weights",
    "0.5,2",
    "--out",
    at("ours.safetensors"),
  );
  expect(digest(at("theirs.safetensors"))).toBe(digest(at("ours.safetensors")));
  writeFileSync(at("theirs.yaml"), listed(0.7));
  expect((await evergreen("-C", at("theirs.yaml"), "--out", at("no"))).failure).toMatch(
    /^EG-2001 models differ in their density: 0.5, 0.7/,
  );
  writeFileSync(at("theirs.yaml"), file("task_arithmetic", "density: 0.5"));
  expect((await evergreen("-C", at("theirs.yaml"), "--out", at("no"))).failure).toMatch(/task-arithmetic: .*density/);
});

test("slerp goes from the base to the other model, wherever the base stands in the list", async () => {
  const file = (list: string): string => `merge_method: slerp\nbase_model: ./b.safetensors\nmodels: [${list}]\nparameters: {t: 0.25}\n`;
  for (const list of ["./a.safetensors, ./b.safetensors", "./b.safetensors, ./a.safetensors"]) {
    writeFileSync(at("way.yaml"), file(list));
    await evergreen("-C", at("way.yaml"), "--out", at("way.safetensors"));
    await evergreen(b, a, "--method", "slerp", "--weights", "0.75,0.25", "--out", at("ours.safetensors"));
    expect(furthest(await projection(at("way.safetensors")), await projection(at("ours.safetensors")))).toBeLessThan(1e-6);
  }
});

const told = (method: string, lines: readonly string[], parameters = "{}"): Promise<string> => {
  const file = [`merge_method: ${method}`, "base_model: ./base.safetensors", "models:", ...lines, `parameters: ${parameters}`, ""];
  writeFileSync(at("told.yaml"), file.join("\n"));
  return evergreen("-C", at("told.yaml"), "--out", at("told.safetensors")).then(({ failure }) => failure ?? "");
};

test("normalize divides sums of task vectors by the weights' sum, and is refused where nothing is summed", async () => {
  const weighted = ["  - {model: ./a.safetensors, parameters: {weight: 1}}", "  - {model: ./b.safetensors, parameters: {weight: 3}}"];
  for (const [method, more] of [
    ["task_arithmetic", ""],
    ["dare_linear", ", density: 1"],
    ["breadcrumbs", ", density: 1, gamma: 0"],
  ] as const) {
    expect(await told(method, weighted, `{normalize: true${more}}`)).toBe("");
    expect(furthest(await projection(at("told.safetensors")), await mixed(0.25, 0.75)), method).toBeLessThan(1e-6);
  }
  await told("task_arithmetic", ["  - ./a.safetensors", "  - ./b.safetensors"], "{normalize: true}");
  expect(furthest(await projection(at("told.safetensors")), await mixed(0.5, 0.5))).toBeLessThan(1e-6);
  expect(await told("magmax", weighted, "{normalize: true}")).toMatch(/^EG-3150 merge: magmax: .*normalize/);
});

test("a filter is a part of a name or a pattern of the whole, and one that fits nothing is refused", async () => {
  const one = (weight: string): readonly string[] => [`  - {model: ./a.safetensors, parameters: {weight: [${weight}]}}`];
  for (const filter of ["t_proj", '"text_pro*"', '"*"']) {
    expect(await told("task_arithmetic", one(`{filter: ${filter}, value: 0.25}, {value: 1}`))).toBe("");
    expect(furthest(await projection(at("told.safetensors")), await mixed(0.25, 0, 0.75)), filter).toBeLessThan(1e-6);
  }
  expect(await told("task_arithmetic", one("{filter: self_attn, value: 0.25}, {value: 1}"))).toBe(
    'EG-3150 merge: filter "self_attn" of model 1 fits no tensor',
  );
  expect(await told("task_arithmetic", one("{filter: mlp, value: 0.25}"))).toMatch(/^EG-3150 merge: model 1 has no weight for "/);
});

test.each([
  ["ties", "{density: 0}", "ties: density: expected more than 0 and at most 1, got 0"],
  ["dare_linear", "{density: 0.005}", "dare: density: expected at least 0.01 and at most 1, got 0.005"],
  ["dare_ties", "{density: 0}", "dare-ties: density: expected at least 0.01 and at most 1, got 0"],
  ["breadcrumbs", "{density: 0}", "breadcrumbs: density: expected more than 0 and at most 1, got 0"],
  ["breadcrumbs", "{gamma: 1}", "breadcrumbs: gamma: expected at least 0 and less than 1, got 1"],
  ["breadcrumbs_ties", "{density: 0.5, gamma: -1}", "breadcrumbs-ties: gamma: expected at least 0 and less than 1, got -1"],
  ["ties", "{density: half}", 'density: expected a number, got "half"'],
])("shares are refused in the words they were told in: %s %s", async (method, parameters, message) => {
  expect(await told(method, ["  - ./a.safetensors"], parameters)).toBe(`EG-3150 merge: ${message}`);
});

test("towers have their own methods, models weights by tensor, and LiNeS its options in a file", async () => {
  writeFileSync(
    at("towers.yaml"),
    [
      "merge_method: linear",
      "base_model: ./base.safetensors",
      "models:",
      "  - {model: ./a.safetensors, parameters: {weight: [{filter: text_projection, value: 1}, {value: 0.5}]}}",
      "  - {model: ./b.safetensors, parameters: {weight: [{filter: text_projection, value: 3}, {value: 0.5}]}}",
      "parameters: {normalize: true}",
      "towers: {image: {merge_method: slerp}}",
      "lines: {alpha: 0, beta: 0.5}",
      "",
    ].join("\n"),
  );
  const told = await json("-C", at("towers.yaml"), "--out", at("towers.safetensors"));
  expect([told.image.operator.name, told.text.operator.name, told.text.modifier]).toEqual([
    "slerp",
    "linear",
    { name: "lines", alpha: 0, beta: 0.5 },
  ]);
  // Half of the way from the base, since the projection lies behind the last block.
  expect(furthest(await projection(at("towers.safetensors")), await mixed(0.125, 0.375, 0.5))).toBeLessThan(1e-6);
});

test("weights by age, with the base as the oldest", async () => {
  await evergreen(a, b, "--base", base, "--by-age", "linear", "--include-base", "--out", at("age.safetensors"));
  expect(furthest(await projection(at("age.safetensors")), await mixed(2 / 6, 3 / 6, 1 / 6))).toBeLessThan(1e-6);
  await evergreen(a, b, "--by-age", "exp", "--reverse", "--out", at("old.safetensors"));
  expect(furthest(await projection(at("old.safetensors")), await mixed(2 / 3, 1 / 3))).toBeLessThan(1e-6);
});

test("a dry run tells the cost and writes nothing", async () => {
  const told = await json(a, b, "--base", base, "--method", "ties", "--out", at("dry"), "--dry-run");
  expect(told).toMatchObject({ passes: 4, models: [a, b], dtype: "float32" });
  expect(Math.abs(told.bytesWritten - readFileSync(a).length)).toBeLessThan(10_000);
  expect(told.bytesRead / told.bytesWritten).toBeCloseTo(12, 1);
  expect(existsSync(at("dry"))).toBe(false);
  const { out } = await evergreen(a, b, "--dry-run");
  expect(out).toMatch(
    /^image tower\tlinear\ntext tower\tlinear\nmodels\t2\nreads\t.* in at most 1 pass\nwrites\t.*, float32\nholds\tat most /,
  );
});

test("a merge that moves too far is told, and with --guard stop not written", async () => {
  const far = [a, b, "--base", base, "--method", "task-arithmetic", "--set", "lambda=4"] as const;
  const { warnings } = await json(...far, "--out", at("far.safetensors"));
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatch(/image tower: the merged weights lie .* times as far from the base as the models do, more than 2/);
  const { exit, failure } = await evergreen(...far, "--guard", "stop", "--out", at("stopped.safetensors"));
  expect([exit, failure]).toEqual([7, expect.stringMatching(/^EG-7151 /)]);
  expect(readdirSync(place).filter((name) => name.startsWith("stopped") || name.endsWith(".tmp"))).toEqual([]);
});

test("what cannot be merged is refused before anything is written", async () => {
  const failures = async (...args: string[]): Promise<string> => (await evergreen(...args, "--out", at("no.safetensors"))).failure ?? "";
  expect(await failures(a, "--method", "slerp")).toMatch(/^EG-3150 merge: slerp takes 2 models, got 1/);
  expect(await failures(a, b, "--method", "ties")).toMatch(/^EG-3150 merge: ties needs the base/);
  for (const name of ["constructor", "toString", "__proto__"])
    expect(await failures(a, b, "--method", name)).toMatch(/^EG-3004 unknown merge operator "/);
  expect(await failures(a, b, "--method", "tis")).toMatch(/^EG-3004 unknown merge operator "tis"/);
  expect(await failures(a, b, "--weights", "1")).toMatch(/^EG-2001 --weights 1: 1 numbers for 2 models/);
  expect(await failures(a, b, "--weights", "1,1")).toMatch(/^EG-3150 merge: weights 1, 1 add up to 2/);
  expect(await failures(a, b, "--method", "fisher")).toMatch(/^EG-3150 merge: fisher needs fisher statistics/);
  expect(await failures(base, a, "--method", "model-stock", "--base", base)).toMatch(
    /^EG-3150 merge: model-stock: model 1 of 2 is the base/,
  );
  expect((await evergreen(a, b, "--out", b)).failure).toMatch(/is one of the 2 models/);
  expect((await evergreen(a, b)).failure).toMatch(/^EG-2001 where to write/);
  expect(await failures(a, b, "--seed", "1.5")).toMatch(/^EG-2001 --seed 1.5: expected a whole number >= 0/);
  expect(existsSync(at("no.safetensors"))).toBe(false);
  writeFileSync(at("bad.yaml"), "merge_metod: ties\nmodels: [a]\n");
  expect((await evergreen("-C", at("bad.yaml"), "--out", at("x"))).failure).toMatch(/^EG-3001 merge_metod: unknown key/);
});

test("ls lists every operator and the options of one", async () => {
  const { operators, modifiers } = await json("ls");
  expect(operators.map(({ name }: { name: string }) => name)).toContain("ties");
  expect(modifiers.map(({ name }: { name: string }) => name)).toEqual(["lines"]);
  const { options } = await json("ls", "dare");
  expect(options).toContainEqual({
    name: "remove",
    default: 0.8,
    takes: "a number >= 0 <= 0.99",
    about: "probability that an entry is dropped, at most 0.99",
  });
  expect((await evergreen("ls", "tiess")).failure).toMatch(/no merge operator is called "tiess"/);
});
