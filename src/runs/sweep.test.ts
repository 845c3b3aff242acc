import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readSweep } from "./sweep.ts";

const folder = mkdtempSync(join(tmpdir(), "sweep-"));
afterAll(() => rmSync(folder, { recursive: true }));

function written(text: string): string {
  const file = join(folder, "sweep.yaml");
  writeFileSync(file, text);
  return file;
}

const head = 'name: rates\nrun: ["preset:fomo-mini", ./own.yaml]\nresults: ./results\n';

test("every combination is a trial, the last axis fastest; paths are relative to the file", () => {
  const sweep = readSweep(written(`${head}set: {budget.per_task: 30 steps}\ngrid:\n  optim.lr: [1e-4, 3e-4]\n  seed: [0, 1, 2]\n`));
  expect(sweep.trials.map(({ id }) => id)).toEqual([
    "0.0001-seed-0",
    "0.0001-seed-1",
    "0.0001-seed-2",
    "0.0003-seed-0",
    "0.0003-seed-1",
    "0.0003-seed-2",
  ]);
  expect(sweep.trials[4]).toEqual({
    id: "0.0003-seed-1",
    labels: { "optim.lr": "0.0003", seed: "1" },
    set: ['budget.per_task="30 steps"', "optim.lr=0.0003", "seed=1"],
  });
  expect(sweep.run).toEqual(["preset:fomo-mini", join(folder, "own.yaml")]);
  expect(sweep.results).toBe(join(folder, "results"));
});

test("variants are settings that belong together, and the first axis; names stand for values", () => {
  const sweep = readSweep(
    written(
      `${head}variants:\n  plain: {methods: []}\n  merged: {methods: [{name: ewc}], optim.lr: 1e-5}\ngrid:\n  stream.order: {"by name": {name: random, reverse: true}, given: given}\n`,
    ),
  );
  expect(sweep.axes).toEqual(["variant", "stream.order"]);
  expect(sweep.trials.map(({ id }) => id)).toEqual(["plain-by-name", "plain-given", "merged-by-name", "merged-given"]);
  expect(sweep.trials[2]?.set).toEqual(['methods=[{"name":"ewc"}]', "optim.lr=0.00001", 'stream.order={"name":"random","reverse":true}']);
});

test("a plus is a part of a name", () => {
  expect(readSweep(written(`${head}variants: {DER: {}, DER++: {}}\n`)).trials.map(({ id }) => id)).toEqual(["der", "der-plus-plus"]);
});

test("a sweep without axes is one trial", () => {
  expect(readSweep(written(head)).trials).toEqual([{ id: "all", labels: {}, set: [] }]);
});

test("what is wrong is told with its place", () => {
  expect(() => readSweep(written(`${head}grid: {seed: 3}\n`))).toThrow(/sweep\.yaml:4:14: grid\.seed|grid\.seed: expected/);
  expect(() => readSweep(written(`${head}grids: {seed: [1]}\n`))).toThrow(/unknown key/);
  expect(() => readSweep(written(`${head}grid: {seed: [1, 1]}\n`))).toThrow(/two trials are called "seed-1"/);
  expect(() => readSweep(join(folder, "none.yaml"))).toThrow(/ENOENT/);
});
