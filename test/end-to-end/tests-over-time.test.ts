import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as evaluate from "../../src/cli/commands/eval.ts";
import * as figure from "../../src/cli/commands/figure.ts";
import * as show from "../../src/cli/commands/show.ts";
import * as build from "../../src/cli/stream-build.ts";
import { ensureMiniFlux } from "../../src/data/mini-flux/ensure.ts";
import { presetFolder } from "../../src/pipeline/preset-folder.ts";
import { startRun } from "../../src/pipeline/run.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { readSpec } from "../../src/runs/spec.ts";
import { RunStore } from "../../src/runs/store.ts";
import { viewOf } from "../../src/runs/view.ts";
import { exitCodes } from "../../src/util/errors.ts";
import { captured } from "../fixtures/cli/captured.ts";

const place = mkdtempSync(join(tmpdir(), "over-time-"));
const runs = join(place, "runs");
afterAll(() => rmSync(place, { recursive: true, force: true }));

// Fetches about 60 MB and draws the pictures where the cache does not have them yet.
beforeAll(async () => {
  await ensureMiniFlux();
}, 600_000);

/** Emoji of 2018, 2019, 2021 and 2022: three sets in four tasks by year. */
async function trainByYear(): Promise<RunReader> {
  const stream = join(place, "years.json");
  const from = "mini-flux:emoji-2018,emoji-2019,emoji-2021-22";
  expect((await captured(build, "--from", from, "--order", "time", "--splits", "tic", "--out", stream)).exit).toBe(exitCodes.done);
  writeFileSync(
    join(place, "run.yaml"),
    `version: 1
model: {arch: mini-flux, init: "preset:mini-flux-base"}
stream: {from: ./years.json}
data: {mixture: update-only, batch_size: 16, workers: 1}
budget: {per_task: 1 steps}
optim: {name: adamw, lr: 1e-3}
eval: {suite: ["mini-flux:3d-food"], splits: tic}
`,
  );
  const parsed = readSpec({ files: [join(place, "run.yaml")], set: [], env: {}, cwd: place, presets: presetFolder });
  const store = new RunStore(runs);
  const context = { store, env: process.env, versions: {}, stopRequested: () => false, onEvent: () => undefined };
  expect(await startRun(parsed, place, context, "years")).toBe(exitCodes.done);
  return new RunReader(store.folderOf("default", "years"));
}

test("the tests of every year are scored after every year: what a set of one year scores, and together what a set of two years does", async () => {
  const reader = await trainByYear();
  const { evaluations, tasks } = viewOf(reader.events(), reader.plan());
  expect(tasks.map(({ name }) => name)).toEqual(["2018", "2019", "2021", "2022"]);
  expect(evaluations.map(({ task }) => task)).toEqual([-1, 0, 1, 2, 3]);
  for (const { cells, scores } of evaluations) {
    const [first, second, third, fourth] = scores?.splits?.dynamic ?? [];
    const acc1 = (set: string): number => cells[set]?.headline.value ?? Number.NaN;
    expect([first?.value, first?.samples]).toEqual([expect.closeTo(acc1("emoji-2018"), 12), 58]);
    expect([second?.value, second?.samples]).toEqual([expect.closeTo(acc1("emoji-2019"), 12), 55]);
    expect([third?.samples, fourth?.samples]).toEqual([25, 19]);
    const hits = [third, fourth].reduce((sum, each) => sum + (each ? each.value * each.samples : Number.NaN), 0);
    expect(hits / 44).toBeCloseTo(acc1("emoji-2021-22"), 12);
    expect(scores?.splits?.static).toMatchObject({ value: expect.closeTo(acc1("3d-food"), 12) as number, samples: 101 });
    // The streamed sets are scored though the suite does not name them.
    expect(scores?.kaSets).toEqual(["emoji-2018", "emoji-2019", "emoji-2021-22"]);
  }
  const last = evaluations.at(-1)?.scores?.splits?.dynamic.map((each) => `${(100 * (each?.value ?? Number.NaN)).toFixed(1)}`);
  const drawn = await captured(figure, "time-matrix", "years", "--runs", runs);
  expect(drawn.out.trim().split("\n").at(-1)?.split("\t").slice(0, 5)).toEqual(["2022", ...(last ?? [])]);
  const scored = await captured(evaluate, "years", "--runs", runs, "-q");
  expect(scored.out).toMatch(/\ntests of\t%\tn\ntask 1\t[^\n]*\t58\n(.*\n){3}static\t[^\n]*\t101\n/);
  expect([...scored.out.matchAll(/^task \d\t([\d.]+)/gm)].map(([, value]) => value)).toEqual(last);
  const shown = await captured(show, "years", "--runs", runs);
  expect(shown.out).toContain(`trained through\t2018\t2019\t2021\t2022\tstatic\n`);
  expect(shown.out).toMatch(/Mean scores: in domain \d+\.\d %, on tasks before /);
}, 120_000);
