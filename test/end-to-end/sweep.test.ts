import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandIn, paintPhotos } from "./evergreen.ts";

const place = mkdtempSync(join(tmpdir(), "sweep-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const evergreen = commandIn(place);
const results = join(place, "results");

beforeAll(async () => {
  await paintPhotos(join(place, "photos"), { red: 200, blue: 10 }, 8);
  expect(evergreen("init", "--from", "photos", "--model", "preset:mini-flux-base", "--test", "0.3").exit).toBe(0);
  writeFileSync(
    join(place, "sweep.yaml"),
    [
      "name: methods",
      "run: [./evergreen.yaml]",
      "set: {budget.per_task: 2 steps, data.batch_size: 4}",
      "variants:",
      "  plain: {methods: []}",
      "  merged: {methods: [{name: lora, r: 2}, {name: temporal-merging, weight: 0.5}]}",
      "  wrong: {methods: [{name: temporal-merging, operator: model-stock}]}",
      "grid: {seed: [0]}",
      "claims:",
      "  C1: {says: merging changes little, source: a guess, needs: {metric: ka, of: merged, near: plain, within: 50}}",
      "  C2: {says: the wrong one learns, needs: {metric: ka, of: wrong, above: start}}",
      "results: ./results",
      "",
    ].join("\n"),
  );
});

test("trials run, fail with their reason, leave results, and are not run again", () => {
  const first = evergreen("sweep", "-C", "sweep.yaml");
  expect(first.exit).toBe(1);
  expect(first.err).toMatch(/plain-seed-0 {2}KA/);
  expect(first.err).toMatch(/merged-seed-0 {2}KA/);
  expect(first.err).toMatch(/wrong-seed-0 {2}failed after .*first weights/s);
  expect(readdirSync(results).sort()).toEqual(["merged-seed-0.json", "plain-seed-0.json"]);
  const stored = JSON.parse(readFileSync(join(results, "merged-seed-0.json"), "utf8"));
  expect(stored).toMatchObject({ format: "trial/2", labels: { variant: "merged", seed: "0" } });
  expect(stored.evaluations.at(-1).ka.value).toBeGreaterThanOrEqual(0);
  const [set] = Object.values(stored.outcomes.sets) as [{ readonly part: string; readonly items: number }];
  expect(set).toMatchObject({ part: "ka", items: stored.evaluations.at(-1).items });
  const last = Buffer.from(Object.values<string>(stored.outcomes.last)[0] ?? "", "base64");
  const hits = [...last].reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
  expect(hits / set.items).toBeCloseTo(stored.evaluations.at(-1).ka.value, 4);

  const written = statSync(join(results, "plain-seed-0.json")).mtimeMs;
  const again = evergreen("sweep", "-C", "sweep.yaml", "--only", "plain");
  expect([again.exit, again.err]).toEqual([0, ""]);
  expect(statSync(join(results, "plain-seed-0.json")).mtimeMs).toBe(written);
});

test("the table says what is missing, a plane without retention is not drawn, and nothing is run", () => {
  const { exit, out, err } = evergreen("sweep", "-C", "sweep.yaml", "--table", "--figure", "plane.svg");
  expect([exit, err]).toEqual([0, expect.stringContaining("nothing to draw")]);
  const lines = out.split("\n");
  expect(lines.find((line) => line.startsWith("wrong"))).toMatch(/missing$/);
  expect(lines.find((line) => line.startsWith("C1"))).toMatch(/undecided: 1 of 3 seeds/);
  expect(lines.find((line) => line.startsWith("C2"))).toMatch(/missing: wrong/);
});

test("claims go into pages and to machines", () => {
  const page = evergreen("sweep", "-C", "sweep.yaml", "--table", "--markdown").out;
  expect(page).toContain("## Claims\n");
  expect(page).toContain("| C1 | merging changes little | undecided: 1 of 3 seeds |");
  expect(page).toContain("- C1: a guess");
  const { claims } = JSON.parse(evergreen("sweep", "-C", "sweep.yaml", "--table", "--json").out);
  expect(claims[1]).toMatchObject({ id: "C2", verdict: "missing", scale: "small", tests: [{ pairs: [{ missing: ["wrong"] }] }] });
});

test("an unfinished run of another plan under a trial's id stays, and the trial begins anew", () => {
  const [{ run, trial }] = JSON.parse(evergreen("sweep", "-C", "sweep.yaml", "--dry-run", "--json").out);
  rmSync(join(results, `${trial}.json`));
  rmSync(join(place, "runs", "methods", run), { recursive: true });
  const short = ["--set", "project=methods", "--set", "budget.per_task=1 steps", "--set", "data.batch_size=4"];
  expect(evergreen("train", "-C", "evergreen.yaml", "--run", run, ...short).exit).toBe(0);
  const record = join(place, "runs", "methods", run, "run.json");
  const unfinished = readFileSync(record, "utf8").replace('"state": "done"', '"state": "preempted"');
  writeFileSync(record, unfinished);
  const { exit, err } = evergreen("sweep", "-C", "sweep.yaml", "--only", trial);
  expect([exit, err]).toEqual([0, expect.stringContaining(`${run} has another plan`)]);
  expect(readFileSync(record, "utf8")).toBe(unfinished);
  expect(readdirSync(results)).toContain(`${trial}.json`);
});

test("a changed setting makes trials anew: their results are of other settings", () => {
  const file = join(place, "sweep.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace("2 steps", "3 steps"));
  const { out } = evergreen("sweep", "-C", "sweep.yaml", "--dry-run", "--json");
  expect(JSON.parse(out).map(({ done }: { readonly done: boolean }) => done)).toEqual([false, false, false]);
});
