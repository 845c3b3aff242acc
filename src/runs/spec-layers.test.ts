import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { ConfigError } from "../util/config-problem.ts";
import { camelKeys, snakeKeys } from "../util/key-case.ts";
import { explain, type ParsedSpec, pathHints, readSpec, renderConfig } from "./spec.ts";
import { partProblems } from "./spec-parts.ts";
import { runJsonSchema } from "./spec-schema.ts";

const folder = mkdtempSync(join(tmpdir(), "spec-"));
afterAll(() => rmSync(folder, { recursive: true }));

const _parity = "test/fixtures/runs/parity.yaml";
const base = `stream: {from: mini-flux}\nmodel: {arch: ViT-S-32, init: random}\nbudget: {per_task: 10 steps}\n`;

function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function read(files: readonly string[], more: { set?: readonly string[]; env?: Record<string, string> } = {}): ParsedSpec {
  return readSpec({ files, env: {}, cwd: process.cwd(), presets: join(folder, "presets"), ...more });
}

function problems(files: readonly string[], more: { set?: readonly string[]; env?: Record<string, string> } = {}): readonly string[] {
  try {
    read(files, more);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.exit).toBe("config");
    return error.problems.map(
      ({ place, path, message, fix }) => `${place.line ?? ""}:${place.column ?? ""} ${path ?? ""}: ${message}${fix ? `; ${fix}` : ""}`,
    );
  }
  return [];
}

test("a saved form with every kind of reference, list and part reads back as the same spec", () => {
  const text = `${base}eval: {suite: [mini-flux, ./held-out, "folder:/abs"], batch_size: 5}
data: {pretraining: {from: "wds:shards/{00..03}.tar"}, augment: {name: drawings, shading_depth: 3}}
checkpoint: {every: never, at: []}
schedule: {warmup: "5%", floor: 0}
methods: [{name: finetune}, {name: zscl, texts: captions/of-all.txt}]
optim: {name: sgd, momentum: 0.5}
loss: {name: siglip, temperature: 0.1}
`;
  const parsed = read([file("deep/er/full.yaml", text)], { set: ["model.train.image=last:2", "budget.per_task=1.5k samples"] });
  const saved = file("runs/q/r/config.yaml", renderConfig(parsed, join(folder, "runs/q/r"), {}));
  expect(read([saved]).spec).toEqual(parsed.spec);
  expect(parsed.spec).toMatchObject({
    eval: { suite: ["mini-flux", join(folder, "deep/er/held-out"), "folder:/abs"] },
    data: { augment: { name: "drawings", shadingDepth: 3 }, pretraining: { from: `wds:${join(folder, "deep/er/shards/{00..03}.tar")}` } },
    schedule: { name: "cosine-warmup", warmup: 0.05, floor: 0 },
    budget: { scope: "task", unit: "samples", total: 1500 },
    methods: [{ name: "finetune" }, { name: "zscl", texts: join(folder, "deep/er/captions/of-all.txt") }],
  });
  expect(renderConfig(parsed, join(folder, "runs/q/r"), {})).toContain("texts: ../../../deep/er/captions/of-all.txt");
  expect(parsed.spec.checkpoint.everyMs).toBeUndefined();
});

describe("layers", () => {
  test("built-in < presets left to right < files < EVERGREEN_SET < --set, and each value knows which", () => {
    file("presets/low.yaml", "seed: 1\nname: low\nproject: low\ndata: {batch_size: 7, workers: 1}\n");
    file("presets/high.yaml", "extends: [preset:low]\nseed: 2\nname: high\n");
    const first = file("first.yaml", `extends: [preset:high, ./part.yaml]\n${base}name: first\n`);
    file("part.yaml", "seed: 3\noptim: {lr: 3e-4}\n");
    const second = file("second.yaml", "optim: {wd: 0.1}\n");
    const parsed = read([first, second], { env: { EVERGREEN_SET: "data.workers=2; eval.suite=none" }, set: ["data.workers=3"] });
    expect(parsed.spec).toMatchObject({
      seed: 3,
      name: "first",
      project: "low",
      optim: { lr: 3e-4, wd: 0.1 },
      data: { batchSize: 7, workers: 3 },
    });
    const layers = Object.fromEntries(
      explain(parsed).map(({ path, layer, place }) => [
        path,
        `${layer} ${place?.file.replace(`${folder}/`, "") ?? ""}:${place?.line ?? ""}`,
      ]),
    );
    expect(layers).toMatchObject({
      seed: "preset ./part.yaml:1",
      project: "preset preset:low:3",
      name: "file first.yaml:5",
      "optim.wd": "file second.yaml:1",
      "eval.suite": "environment EVERGREEN_SET eval.suite=none:",
      "data.workers": "set --set data.workers=3:",
      "optim.eps": "built-in :",
    });
    expect(parsed.inputs.map(({ name }) => name)).toEqual([
      "0-first.yaml",
      "1-high.yaml",
      "2-low.yaml",
      "3-part.yaml",
      "4-second.yaml",
      "environment.txt",
      "set.txt",
    ]);
  });

  test("lists replace, += appends, null clears, and another name takes the whole part's place", () => {
    const path = file("lists.yaml", `${base}optim: {name: adamw, betas: [0.8, 0.9], lr: 1}\ncheckpoint: {at: []}\n`);
    expect(read([path], { set: ["optim.betas=[0.1, 0.2]"] }).spec.optim).toMatchObject({ betas: [0.1, 0.2], lr: 1 });
    expect(read([path], { set: ["checkpoint.at+=task_end"] }).spec.checkpoint.at).toEqual(["task_end"]);
    expect(read([path], { set: ["optim.lr=null"] }).spec.optim.lr).toBe(1e-5);
    expect(read([path], { set: ["optim=null"] }).spec.optim).toMatchObject({ betas: [0.9, 0.999] });
    expect(read([path], { set: ["optim.name=sgd"] }).spec.optim).toEqual({
      name: "sgd",
      lr: 1e-5,
      wd: 0.2,
      clipGradNorm: 1,
      decayAppliesTo: "openclip",
      momentum: 0.9,
    });
  });

  test("an unknown preset, one that extends itself and a missing one name the place", () => {
    file("presets/loop.yaml", "extends: [preset:loop]\n");
    expect(problems([file("e.yaml", "extends: [preset:hihg, preset:loop, ../no.yaml]\n")])).toEqual([
      '1:11 : extends: no preset "hihg"; known: high, loop, low; did you mean "preset:high"?',
      "1:11 : extends: preset:loop extends itself",
      ": : cannot be read (ENOENT); check the name of the file",
    ]);
  });
});

describe("references", () => {
  const text = `seed: \${env:SEED}\nstream: {from: "wds:\${env:DATA}/{000..010}.tar"}\nmodel: {arch: B, init: "./w/\${env:SEED}.safetensors"}\nbudget: {total: "\${env:SEED} steps"}\n`;

  test("variables are resolved in memory and stay references in what is saved", () => {
    const path = file("env.yaml", text);
    const env = { SEED: "7", DATA: "/secret-place" };
    const parsed = read([path], { env });
    expect(parsed.spec).toMatchObject({
      seed: 7,
      stream: { from: "wds:/secret-place/{000..010}.tar" },
      model: { init: join(folder, "w/7.safetensors") },
      budget: { total: 7 },
    });
    const saved = renderConfig(parsed, join(folder, "runs/a/b"), env);
    expect(saved).not.toContain("secret-place");
    expect(saved).toContain(`seed: \${env:SEED}`);
    expect(saved).toContain(`init: ../../../w/\${env:SEED}.safetensors`);
    expect(read([file("runs/a/b/config.yaml", saved)], { env }).spec).toEqual(parsed.spec);
    expect(JSON.stringify(pathHints(parsed, env))).not.toContain("secret-place");
    expect(problems([path])).toEqual(
      ["1:7 seed", "2:16 stream.from", "3:24 model.init", "4:17 budget.total"].map(
        (at) => `${at}: the environment variable ${at.startsWith("2") ? "DATA" : "SEED"} is not set`,
      ),
    );
  });

  test.each([
    ["mini-flux", "mini-flux"],
    ["hf://laion/x@main", "hf://laion/x@main"],
    ["open_clip:ViT-B-32/laion2b", "open_clip:ViT-B-32/laion2b"],
    ["/abs/x.tsv", "/abs/x.tsv"],
    ["x.tsv", "<folder>/x.tsv"],
    ["folder:photos", "folder:<folder>/photos"],
    ["../photos", "<parent>/photos"],
    ["~/photos", "/home/me/photos"],
  ])("%s stands for %s", (from, absolute) => {
    const path = file("from.yaml", base.replace("mini-flux", from));
    expect(read([path], { env: { HOME: "/home/me" } }).spec.stream.from).toBe(
      absolute.replace("<folder>", folder).replace("<parent>", dirname(folder)),
    );
  });
});

test("keys survive the way from files to the program and back", () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,5}(_[a-z][a-z0-9]{0,5}){0,3}$/);
  fc.assert(
    fc.property(
      fc.dictionary(word, fc.oneof(fc.integer(), fc.dictionary(word, fc.string()), fc.array(fc.dictionary(word, fc.integer())))),
      (value) => {
        expect(snakeKeys(camelKeys(value))).toEqual({ ...value });
      },
    ),
  );
});

test("any text gives a spec or problems, never another failure", () => {
  const piece = fc.constantFrom(
    "seed",
    ": ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    "&a",
    "*a",
    "- ",
    "?",
    "|",
    "'",
    '"',
    "model",
    "1e-4",
    "null",
    "!!x",
    "#",
    "<<",
    "é",
    "\u0000",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      expect(problems([file("fuzz.yaml", pieces.join(""))]).length).toBeGreaterThan(0);
    }),
    { numRuns: 100 },
  );
});

test("the JSON Schema refuses unknown keys and knows every section", () => {
  const schema = runJsonSchema();
  expect(schema.additionalProperties).toBe(false);
  expect(Object.keys(schema.properties ?? {})).toContain("checkpoint");
});

test("what a part's own schema refuses is shown at its place in the file", () => {
  const parsed = read([file("part-options.yaml", `${base}data:\n  augment: {name: drawings, shading_dept: 3}\n`)]);
  const options = z.strictObject({ shadingDepth: z.number() });
  const checked = options.safeParse({ shadingDept: 3 });
  const found = checked.error ? partProblems(parsed, { path: ["data", "augment"], options, error: checked.error }) : [];
  expect(found.map(({ place, message, fix }) => [place.line, place.column, message, fix])).toContainEqual([
    5,
    29,
    "unknown key; expected one of shading_depth",
    'did you mean "shading_depth"?',
  ]);
});
