import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigError } from "../util/config-problem.ts";
import { type ParsedSpec, readSpec, renderConfig } from "./spec.ts";

const folder = mkdtempSync(join(tmpdir(), "spec-"));
afterAll(() => rmSync(folder, { recursive: true }));

const parity = "test/fixtures/runs/parity.yaml";
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

describe("the parity file", () => {
  test("parses as it stands, in camelCase, with units read and paths absolute", () => {
    const { spec } = read([parity]);
    expect(spec.budget).toEqual({ scope: "task", unit: "steps", total: 10 });
    expect(spec.optim).toEqual({
      name: "adamw",
      lr: 1e-4,
      wd: 0.2,
      betas: [0.9, 0.98],
      eps: 1e-6,
      clipGradNorm: 1,
      decayAppliesTo: "openclip",
    });
    expect(spec.schedule).toEqual({ name: "constant", warmup: 0 });
    expect(spec.data).toMatchObject({
      mixture: [{ shares: { update: 1, buffer: 0, pretraining: 0 } }],
      augment: { name: "none" },
      batchSize: 24,
    });
    expect(spec.stream).toEqual({ from: join(process.cwd(), "test/fixtures/runs/data.tsv"), tasks: 1, order: "given" });
    expect(spec.model).toMatchObject({ init: join(process.cwd(), "test/fixtures/runs/start.safetensors"), precision: "fp32" });
    expect(spec.eval.suite).toBe("none");
    expect(spec.checkpoint).toEqual({ everyMs: 900_000, at: ["task_end"], keepLast: 2 });
  });

  test("its saved form gives the same spec again, from another folder", () => {
    const parsed = read([parity]);
    const saved = file("runs/default/x/config.yaml", renderConfig(parsed, join(folder, "runs/default/x"), {}));
    expect(read([saved]).spec).toEqual(parsed.spec);
  });
});

describe("errors", () => {
  test("all problems are told together, each with line, column and what was meant", () => {
    const path = file(
      "wrong.yaml",
      `${base}seed: -1\noptimm: {}\ndata: {batchSize: 3}\nlr: 1\nmodel2: 3\nhf_token: abc\nengine: {threads: many}\n`,
    );
    expect(problems([path])).toEqual([
      "4:7 seed: expected a whole number >= 0 <= 4294967295, got -1",
      '5:1 optimm: unknown key; expected one of version, extends, plugins, name, project, seed, model, stream, data, budget, methods, optim, schedule, loss, eval, checkpoint, engine; did you mean "optim"?',
      '6:8 data.batchSize: unknown key; expected one of mixture, draws, pretraining, buffer, augment, captions, batch_size, workers, preload, first_task_rule, on_unreadable; did you mean "batch_size"?',
      '7:1 lr: unknown key; expected one of version, extends, plugins, name, project, seed, model, stream, data, budget, methods, optim, schedule, loss, eval, checkpoint, engine; did you mean "optim.lr"?',
      '8:1 model2: unknown key; expected one of version, extends, plugins, name, project, seed, model, stream, data, budget, methods, optim, schedule, loss, eval, checkpoint, engine; did you mean "model"?',
      "9:1 hf_token: looks like a secret, which a run file never holds; set it in the environment",
      '10:19 engine.threads: expected auto or a whole number >= 1, got "many"',
    ]);
  });

  test.each([
    ["a: 1\na: 2\n", "2:1 : duplicate key; expected each key once"],
    ["a: [1\n", "2:1 : not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]"],
    ["--- \na: 1\n---\nb: 2\n", "3:1 : a second document; expected one"],
    ["seed: .inf\n", "1:7 : expected a finite number, got .inf"],
    ["__proto__: {a: 1}\n", '1:1 : expected a word as key, got "__proto__"'],
    ["1: 2\n", "1:1 : expected a word as key, got 1"],
    [
      "a: {b: ${env:X}}\n",
      "1:9 : not valid YAML: Unexpected flow-map-start at node end; put quotes around a text with ${env:…} inside braces",
    ],
    ["- a\n", "1:1 : expected a map of keys at the top, got a list"],
    ["seed: !!js/function x\n", "1:7 : not valid YAML: Unresolved tag: tag:yaml.org,2002:js/function"],
    ["version: 2\nnew_key: 1\n", "1:10 version: run files of version 2 are newer than this program, which reads 1; use a newer Evergreen"],
    ["extends: preset:x\n", '1:10 : extends: expected a list of "preset:NAME" and files'],
  ])("%j is refused", (text, problem) => {
    expect(problems([file("bad.yaml", text)])).toEqual([problem]);
  });

  test("an alias bomb, a cycle and a deep nest end at once", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[..."bcdefgh"].map((name, i) => `${name}: &${name} [${Array(10).fill(`*${"abcdefgh"[i]}`).join(",")}]`).join("\n")}\n`;
    expect(problems([file("bomb.yaml", bomb)])[0]).toContain("once aliases are expanded");
    expect(problems([file("cycle.yaml", "a: &a [*a]\n")])[0]).toContain("once aliases are expanded");
    expect(problems([file("deep.yaml", `a: ${"[".repeat(30_000)}`)]).length).toBeLessThan(6);
    expect(problems([file("missing-dir/../long.yaml", `# ${"x".repeat(1 << 20)}`)])[0]).toContain("larger than");
    expect(problems([join(folder, "none.yaml")])).toEqual([": : cannot be read (ENOENT); check the name of the file"]);
  });

  test.each([
    [
      "30 PFLOP",
      {
        unit: "flops",
        total: 3e16,
        accounting: { multipliers: "published", stepsFrom: "closed-form", taskEnds: "fair", charge: "products", strict: false },
      },
    ],
    [
      "1.8e9 GMAFs",
      {
        unit: "mafs",
        total: 1.8e18,
        accounting: { multipliers: "published", stepsFrom: "closed-form", taskEnds: "fair", charge: "products", strict: false },
      },
    ],
    ["1.2M samples", { unit: "samples", total: 1_200_000 }],
    ["3steps", { unit: "steps", total: 3 }],
  ])("a budget of %j is read", (text, budget) => {
    expect(read([parity], { set: [`budget.per_task="${text}"`] }).spec.budget).toEqual({ scope: "task", ...budget });
  });

  test("a budget of time takes the time of a step, and it alone does", () => {
    const timed = ['budget.per_task="2h"', 'budget.step_time="350ms"'];
    expect(read([parity], { set: timed }).spec.budget).toEqual({
      ...{ scope: "task", unit: "time", total: 7_200_000, stepMs: 350 },
      allowance: 0.1,
    });
    expect(read([parity], { set: [...timed, 'budget.allowance="150%"'] }).spec.budget.allowance).toBe(1.5);
    expect(problems([parity], { set: ['budget.allowance="5%"'] })[0]).toContain("budget.allowance: has no effect: budget.per_task is");
    expect(problems([parity], { set: [...timed, "budget.allowance=5"] })[0]).toContain("budget.allowance: expected a share as");
    expect(problems([parity], { set: timed.slice(0, 1) })[0]).toContain("budget.step_time: a budget of time needs the time of a step");
    expect(problems([parity], { set: timed.slice(1) })[0]).toContain("budget.step_time: has no effect: budget.per_task is");
    expect(problems([parity], { set: ["budget.accounting.strict=true"] })[0]).toContain("budget.accounting: has no effect");
  });

  test("all operations are charged where steps and memory are metered, of FLOPs the steps alone", () => {
    const asked = (text: string, ...accounting: readonly string[]) => [
      `budget.per_task="${text}"`,
      ...["charge=all", ...accounting].map((each) => `budget.accounting.${each}`),
    ];
    const missing = (set: readonly string[]) => problems([parity], { set }).map((line) => /budget\.accounting\.(\w+):/.exec(line)?.[1]);
    expect(missing(asked("30 GMAF"))).toEqual(["steps_from", "multipliers"]);
    expect(missing(asked("30 GFLOP"))).toEqual(["steps_from"]);
    const { budget } = read([parity], { set: asked("30 GMAF", "steps_from=metered", "multipliers=metered") }).spec;
    expect(budget.accounting).toMatchObject({ charge: "all" });
  });

  test.each([
    ["30 pflop", 'expected an amount of work, as "10 steps", "51200 samples", "30 PFLOP", "1.8e9 GMAF" or "2h"'],
    ["0 GMAF", "expected an amount of work"],
    ["10", "expected an amount of work"],
    ["0 steps", "expected a whole number of steps, at least 1"],
    ["1.5 steps", "expected a whole number of steps, at least 1"],
  ])("a budget of %j is refused", (text, message) => {
    expect(problems([parity], { set: [`budget.per_task="${text}"`] })[0]).toContain(message);
  });

  test.each([
    [["eval.batch_size=3"], "eval.batch_size: has no effect: eval.suite is none; remove it"],
    [["data.pretraining.from=./x"], "data.pretraining: has no effect: data.mixture.pretraining is 0; remove it"],
    [["data.first_task_rule=split"], "data.first_task_rule: has no effect: data.mixture.buffer is 0; remove it"],
    [["schedule.floor=0"], 'schedule.floor: has no effect with schedule "constant"; remove it'],
    [["optim.wd=0", "optim.decay_applies_to=standard"], "optim.decay_applies_to: has no effect: optim.wd is 0; remove it"],
    [["engine.micro_batch=24"], "engine.micro_batch: has no effect: data.batch_size is 24; remove it"],
    [
      ["model.train.logit_scale=false", "loss.clamp_logit_scale=true"],
      "loss.clamp_logit_scale: has no effect: model.train.logit_scale is false; remove it",
    ],
    [["data.mixture.update=0.5"], "data.mixture: shares add up to 0.5, expected 1 (update 0.5, buffer 0, pretraining 0)"],
    [["optim.name=adam"], 'optim.name: expected one of adamw, sgd, lion, muon, galore, got "adam"; did you mean "adamw"?'],
    [["methods=[{lambda: 3}]"], "methods[0].name: missing; expected a text"],
    [["model=null"], "model: missing; expected a map"],
    [["budget.total=5 steps"], 'budget: expected one of {per_task: "10 steps"} and {total: "6400 samples"}, got a map of per_task, total'],
    [["name=../x"], 'name: expected a word of letters, digits, dots, dashes and underscores, at most 64, got "../x"'],
    [["seed"], ": expected a.b=value, a.b+=item or a.b=null"],
    [["methods.0.name=x"], ": expected a.b=value, a.b+=item or a.b=null"],
    [["seed+=1"], "seed: expected a whole number >= 0 <= 4294967295, got a list of 1"],
  ])("%j is refused", (set, problem) => {
    expect(problems([parity], { set }).map((text) => text.slice(2))).toContain(problem);
  });
});
