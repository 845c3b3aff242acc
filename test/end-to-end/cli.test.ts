import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { architecture } from "../../src/models/architecture.ts";
import { initialiseModel } from "../../src/models/load.ts";
import { saveModel } from "../../src/models/save.ts";
import { acquireLock } from "../../src/runs/lock.ts";
import { createRandom } from "../../src/util/random.ts";
import { commandIn, main } from "./evergreen.ts";

const place = mkdtempSync(join(tmpdir(), "cli-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const evergreen = commandIn(place);

const vocabulary = JSON.parse(readFileSync(new URL("../../src/models/vocabularies/mini-flux.json", import.meta.url), "utf8")) as number[];

beforeAll(async () => {
  const { model, preprocess } = initialiseModel(architecture("mini-flux"), createRandom(1), vocabulary);
  await saveModel(join(place, "small.safetensors"), model, { preprocess });
  for (const [name, r] of [
    ["red", 200],
    ["blue", 10],
  ] as const) {
    mkdirSync(join(place, "photos", name), { recursive: true });
    for (let i = 0; i < 12; i++)
      await sharp({ create: { width: 32, height: 32, channels: 3, background: { r, g: 5 * i, b: 210 - r } } })
        .png()
        .toFile(join(place, "photos", name, `${i}.png`));
  }
});

test("init, train, eval, show: a stranger's folder becomes a scored model with nothing typed but commands", () => {
  expect(evergreen("init", "--from", "photos", "--model", "small.safetensors", "--test", "0.3").exit).toBe(0);
  const trained = evergreen("train", "--run", "first", "--set", "budget.per_task=2 steps");
  expect([trained.exit, trained.err]).toEqual([0, expect.stringContaining("after task 2/2")]);
  const shown = JSON.parse(evergreen("show", "first", "--json").out) as {
    readonly state: string;
    readonly view: {
      readonly evaluations: readonly { readonly cells: Record<string, { readonly headline: { readonly value: number } }> }[];
    };
  };
  expect(shown.state).toBe("done");
  const scored = JSON.parse(evergreen("eval", "first", "--json", "--batch-size", "5").out) as {
    readonly model: { readonly arch: string; readonly digest: string };
    readonly rows: readonly Record<string, unknown>[];
    readonly scores: { readonly ka: { readonly value: number } };
  };
  const [row] = scored.rows;
  // The run's own last evaluation, whatever the batch size.
  expect(row).toMatchObject({
    dataset: "photos",
    metric: "acc1",
    isHeadline: true,
    precision: "fp32",
    value: shown.view.evaluations.at(-1)?.cells.photos?.headline.value,
  });
  expect(scored.scores.ka.value).toBe(row?.value);
  expect([scored.model.arch, row?.digests]).toEqual([
    "mini-flux",
    {
      model: scored.model.digest,
      data: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      preprocessing: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    },
  ]);
  const table = evergreen(
    "eval",
    "small.safetensors",
    "--suite",
    "folder:photos?test=1&role=eval",
    "--templates",
    "ensemble",
    "--precision",
    "bf16",
  ).out;
  expect(table).toMatch(/^set\tcounts in\tmetric\t%\t95 % interval\tn\tseconds\nphotos\tZS\tacc1\t[\d.]+\t[\d.]+ – [\d.]+\t24\t/);
}, 180_000);

test("compare tells a tie from a change and gives CI a code; eval --assert does for a floor", () => {
  expect(evergreen("train", "--run", "same", "--set", "budget.per_task=2 steps").exit).toBe(0);
  const compared = evergreen("compare", "first", "same", "--fail-on", "ka<-1");
  expect([compared.exit, compared.out]).toEqual([
    0,
    expect.stringMatching(/same +\d+ .* 0\.0 \(0\.0 to 0\.0\) tie[\s\S]*The runs have the same settings/),
  ]);
  expect(evergreen("train", "--run", "other", "--set", "budget.per_task=2 steps", "--set", "optim.lr=0.5").exit).toBe(0);
  const { differences } = JSON.parse(evergreen("compare", "first", "other", "--json").out) as { differences: readonly { path: string }[] };
  expect(differences.map(({ path }) => path)).toEqual(["optim.lr"]);
  const asserted = (text: string): number | null => evergreen("eval", "first", "--assert", text).exit;
  expect([asserted("ka>=0"), asserted("photos.acc1<=0"), asserted("photos.acc9>=1")]).toEqual([0, 8, 2]);
}, 180_000);

test("exit codes say what kind of mistake it was", () => {
  expect(evergreen("trian")).toMatchObject({ exit: 2, err: expect.stringContaining("did you mean: evergreen train") as string });
  expect(evergreen("ls", "--jsn")).toMatchObject({ exit: 2, err: expect.stringContaining("did you mean --json?") as string });
  expect(evergreen("show", "nobody").exit).toBe(2);
  expect(evergreen("eval", "small.safetensors").exit).toBe(2);
  writeFileSync(
    join(place, "bad.yaml"),
    "model: {arch: mini-flux, init: random}\nstream:\n  from: ./photos\n  taks: 2\nbudget: {total: 2 steps}\n",
  );
  const bad = evergreen("train", "-C", "bad.yaml");
  expect(bad.exit).toBe(3);
  expect(bad.err).toContain("at bad.yaml:4:3");
  expect(bad.err).toContain('did you mean "tasks"?');
  expect(evergreen("train", "--set", "stream.from=folder:./nothing")).toMatchObject({
    exit: 4,
    err: expect.stringContaining("nothing") as string,
  });
  expect(evergreen("eval", "small.safetensors", "--suite", "./nothing").exit).toBe(4);
  const json = evergreen("show", "nobody", "--json");
  expect(JSON.parse(json.out)).toMatchObject({ error: { code: "EG-2301", fix: "list them with: evergreen ls" } });
});

test("a run that a living process holds is not trained again: exit 9", () => {
  const folder = join(place, "runs", "default", "held");
  const lock = acquireLock(folder);
  expect(evergreen("train", "--run", "held")).toMatchObject({
    exit: 9,
    err: expect.stringContaining("the run is in use: process") as string,
  });
  lock.release();
});

test("doctor finds no problem where these tests run, and one OpenMP runtime", () => {
  const { exit, out } = evergreen("doctor", "--json");
  const { checks, threads } = JSON.parse(out) as {
    readonly checks: readonly { readonly name: string; readonly state: string }[];
    readonly threads: readonly { readonly count: number }[];
  };
  expect(
    checks
      .filter(({ state }) => state === "problem")
      .map(({ name }) => name)
      .filter((name) => name !== "disk"),
  ).toEqual([]);
  expect(checks.map(({ name }) => name)).toEqual(["node", "engine", "kernels", "memory", "openmp", "decode", "disk", "cache"]);
  expect(checks.find(({ name }) => name === "openmp")?.state).toBe(process.platform === "linux" ? "ok" : "note");
  if (process.platform === "linux") expect(threads.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(4);
  expect([0, 5]).toContain(exit);
});

test("the help is written without the engine, in under 150 ms of processor time", () => {
  const program = `await import(process.argv[1]); const { user, system } = process.cpuUsage(); process.on("exit", () => process.stderr.write(String((user + system) / 1000)));`;
  const times = Array.from({ length: 5 }, () =>
    Number(spawnSync(process.execPath, ["--input-type=module", "-e", program, main, "--help"], { encoding: "utf8" }).stderr),
  );
  expect(Math.min(...times)).toBeGreaterThan(0);
  expect(Math.min(...times)).toBeLessThan(150);
});
