import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandIn, jsonOf, paintPhotos } from "./evergreen.ts";

const place = mkdtempSync(join(tmpdir(), "evaluation-commands-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const evergreen = commandIn(place);
const json = jsonOf(evergreen);

const set = "folder:./photos?test=0.3";
const short = ["--set", "budget.per_task=1 steps", "--set", "stream.tasks=1", "--set", "data.batch_size=8"];

beforeAll(async () => {
  await paintPhotos(join(place, "photos"), { red: 200, blue: 10, green: 90 }, 12);
  expect(evergreen("init", "--from", "photos", "--model", "preset:mini-flux-base", "--test", "0.3").exit).toBe(0);
  for (const [run, seed] of [
    ["a", 0],
    ["b", 1],
    ["c", 0],
  ] as const) {
    const settings = run === "c" ? ["--set", "eval.on=validation"] : [];
    const ended = evergreen("train", "--run", run, ...short, "--set", `eval.suite=[${set}]`, "--set", `seed=${seed}`, ...settings);
    expect([run, ended.exit, ended.err]).toEqual([run, 0, expect.any(String)]);
  }
}, 240_000);

interface Sheet {
  readonly rows: readonly {
    readonly metric: string;
    readonly n: number;
    readonly on: string;
    readonly digests: { readonly data: string };
    readonly settings?: object;
  }[];
}

test("validation scores a fifth of the training samples under another digest, and is not compared with test scores", () => {
  const tested = json<Sheet>("eval", "a");
  const validated = json<Sheet>("eval", "preset:mini-flux-base", "--suite", set, "--on", "validation");
  const own = json<Sheet>("eval", "c");
  const sizes = [tested, validated, own].map(({ rows }) => rows[0]?.n);
  expect(sizes[1]).toBe(sizes[2]);
  expect(sizes[1]).toBeLessThan(sizes[0] ?? 0);
  expect(own.rows[0]?.digests.data).toBe(validated.rows[0]?.digests.data);
  expect(own.rows[0]?.digests.data).not.toBe(tested.rows[0]?.digests.data);
  const { refused } = json<{ refused: readonly object[] }>("compare", "a", "c", "--last");
  expect(refused).toEqual([{ run: expect.any(String) as string, set: "photos", reason: "its data differ" }]);
  expect(evergreen("eval", "a", "--on", "validation")).toMatchObject({
    exit: 2,
    err: expect.stringContaining("train with eval.on: validation") as string,
  });
}, 120_000);

test("a probe scores by a classifier of its own; drift is none at the start and some after a step", () => {
  const probe = json<Sheet>("eval", "preset:mini-flux-base", "--suite", set, "--probe", "--shots", "2", "--l2", "0.01");
  expect(probe.rows[0]).toMatchObject({ metric: "lp_acc1", settings: { fewshot_k: 2, l2: 0.01, train_samples: 6 } });
  const { rows, pairs } = json<{
    rows: readonly { state: string; image: { drift: number; cka: number }; parameters: readonly { part: string; distance: number }[] }[];
    pairs: { count: number };
  }>("eval", "a", "--drift", "--suite", set);
  const moved = rows.map(({ parameters }) => parameters.find(({ part }) => part === "all")?.distance ?? Number.NaN);
  expect([rows[0]?.state, moved[0], rows[0]?.image.drift, rows[0]?.image.cka]).toEqual([
    "start",
    0,
    expect.closeTo(0, 6),
    expect.closeTo(1, 6),
  ]);
  expect(moved.at(-1)).toBeGreaterThan(0);
  expect(pairs.count).toBeGreaterThan(0);
  const told = evergreen("eval", "a", "--drift", "--suite", set, "--all");
  expect(told.out).toMatch(/^state\tmoved image %.*\nstart\t0\.00\t0\.00\t/);
  expect(told.out).toMatch(/\npart\tparameters\tstart %\t.*\nall\t\d+\t0\.00\t/);
  expect(told.err).toContain(`features of ${pairs.count} pairs, digest `);
}, 120_000);

test("runs that differ in the seed alone are one group", () => {
  const { groups } = json<{ groups: readonly { seeds: readonly number[]; scores: { ka: { seeds: number } } }[] }>(
    "compare",
    "a",
    "b",
    "--last",
  );
  expect(groups.map(({ seeds, scores }) => [seeds, scores.ka.seeds])).toEqual([[[0, 1], 2]]);
  expect(evergreen("compare", "a", "b", "--last").out).toContain("a and 1 more");
});

test("a training set is searched for test items, and they can be left out", () => {
  mkdirSync(join(place, "more", "red"), { recursive: true });
  for (const name of readdirSync(join(place, "photos", "red")))
    writeFileSync(join(place, "more", "red", `copy-${name}`), readFileSync(join(place, "photos", "red", name)));
  const found = evergreen("data", "check", "more", "--against", set, "--out", "found.tsv");
  expect([found.exit, found.out]).toEqual([0, expect.stringMatching(/^test set\titems\tfound in\tbytes\tpixels\tnear\tcaption\nphotos\t/)]);
  const lines = readFileSync(join(place, "found.tsv"), "utf8").trim().split("\n");
  expect(lines.filter((line) => line.includes("contaminated-bytes")).length).toBeGreaterThan(0);
  expect(evergreen("data", "check", "more", "--against", set, "--strict", "-q").exit).toBe(4);
  const [all, some] = [json<Sheet>("eval", "a"), json<Sheet>("eval", "a", "--without", "found.tsv")].map(({ rows }) => rows[0]?.n ?? 0);
  expect(some).toBeLessThan(all ?? 0);
}, 120_000);

test("a run without adapters has none to give, and leaves no folder", () => {
  expect(evergreen("export", "a", "--as", "peft", "--out", "adapters")).toMatchObject({
    exit: 4,
    out: "",
    err: expect.stringContaining("name a run with a method of adapters") as string,
  });
  expect(existsSync(join(place, "adapters"))).toBe(false);
});

test("scores go out as CSV, LaTeX and CLIP_benchmark's files, and come back", () => {
  expect(evergreen("export", "a", "--as", "csv").out).toMatch(
    /^after_task,step,state,dataset,role,evaluator,metric,value,low,high,unit,n\n0,0,live,photos,/,
  );
  expect(evergreen("export", "a", "--as", "latex", "--out", "table.tex").out).toBe(`${join(place, "table.tex")}\n`);
  expect(readFileSync(join(place, "table.tex"), "utf8")).toMatch(/^\\begin\{tabular\}\{lllrr\}\n {2}\\toprule/);
  expect(evergreen("export", "a", "--as", "clip-benchmark", "--out", "results").exit).toBe(0);
  const files = readdirSync(join(place, "results")).map((name) => join("results", name));
  expect(files).toHaveLength(1);
  const read = json<{ results: readonly { dataset: string; task: string; metrics: { acc1: number } }[] }>(
    "import",
    "clip-benchmark",
    ...files,
    "--beside",
    "a",
  );
  expect(read.results.map(({ dataset, task }) => [dataset, task])).toEqual([
    ["photos", "zeroshot_classification"],
    ["photos", "zeroshot_classification"],
  ]);
  expect(read.results[0]?.metrics.acc1).toBe(read.results[1]?.metrics.acc1);
});

test.each([
  [["export", "nobody"], 2, "one of csv, latex, clip-benchmark"],
  [["export", "nobody", "--as", "csv", "--intervals"], 2, "leave it out"],
  [["import", "clip-benchmark", "nothing.json"], 4, "clip_benchmark eval wrote"],
  [["import", "clip"], 2, "one of: import clip-benchmark"],
  [["eval", "preset:mini-flux-base", "--shots", "2"], 2, "add --probe"],
  [["eval", "preset:mini-flux-base", "--drift", "--suite", set], 2, "--base preset:mini-flux-base"],
  [["eval", "preset:mini-flux-base", "--suite", set, "--without", "nothing.tsv"], 2, "data check TRAINING --against TEST"],
] as const)("evergreen %j exits with %i and says how to mend it", (argv, exit, fix) => {
  expect(evergreen(...argv)).toMatchObject({ exit, out: "", err: expect.stringContaining(fix) as string });
  expect(existsSync(join(place, "runs", "nobody"))).toBe(false);
});
