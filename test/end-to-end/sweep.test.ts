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

  const written = statSync(join(results, "plain-seed-0.json")).mtimeMs;
  const again = evergreen("sweep", "-C", "sweep.yaml", "--only", "plain");
  expect([again.exit, again.err]).toEqual([0, ""]);
  expect(statSync(join(results, "plain-seed-0.json")).mtimeMs).toBe(written);
});

test("the table says what is missing, a plane without retention is not drawn, and nothing is run", () => {
  const { exit, out, err } = evergreen("sweep", "-C", "sweep.yaml", "--table", "--figure", "plane.svg");
  expect([exit, err]).toEqual([0, expect.stringContaining("nothing to draw")]);
  expect(out.split("\n").find((line) => line.startsWith("wrong"))).toMatch(/missing$/);
});

test("a changed setting makes trials anew: their results are of other settings", () => {
  const file = join(place, "sweep.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace("2 steps", "3 steps"));
  const { out } = evergreen("sweep", "-C", "sweep.yaml", "--dry-run", "--json");
  expect(JSON.parse(out).map(({ done }: { readonly done: boolean }) => done)).toEqual([false, false, false]);
});
