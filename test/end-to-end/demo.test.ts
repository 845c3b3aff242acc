import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureMiniFlux } from "../../src/data/mini-flux/ensure.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { viewOf } from "../../src/runs/view.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const place = mkdtempSync(join(tmpdir(), "demo-"));
const folder = join(place, "runs", "demo", "small");
/** The demo's own run file with a fresh model, few steps and three sets. */
const small = [
  "model.init=random",
  "budget.per_task=2 steps",
  "data.batch_size=16",
  'eval.suite=["mini-flux:emoji-2018,emoji-2020,3d-food"]',
].flatMap((set) => ["--set", set]);
let told = "";

beforeAll(async () => {
  await ensureMiniFlux();
  const { status, stderr } = spawnSync(process.execPath, [main, "demo", "--run", "small", ...small], { encoding: "utf8", cwd: place });
  told = stderr;
  if (status !== 0) throw new Error(`demo ended with ${status}: ${stderr}`);
}, 600_000);
afterAll(() => rmSync(place, { recursive: true }));

test("the demo trains one task a year, scored before the first and after each", () => {
  const reader = new RunReader(folder);
  expect(reader.record().state).toBe("done");
  const view = viewOf(reader.events(), reader.plan());
  expect(view.tasks.map(({ name, done }) => [name, done])).toEqual(["2017", "2018", "2019", "2020"].map((year) => [year, 2]));
  expect(view.evaluations.map(({ task, cells }) => [task, Object.keys(cells).sort()])).toEqual(
    [-1, 0, 1, 2, 3].map((task) => [task, ["3d-food", "emoji-2018", "emoji-2020"]]),
  );
  expect(existsSync(join(folder, "checkpoints", view.saves.at(-1)?.checkpoint ?? "", "model.safetensors"))).toBe(true);
});

test("after the first task a third of each batch is old, a third is of the pretraining pool", () => {
  const rows = new RunReader(folder).plan().tasks.map(({ phases }) => phases[0]?.rows);
  expect(rows.slice(1)).toEqual(Array(3).fill({ update: 5, buffer: 5, pretraining: 6 }));
});

test("the last screen says what happened, where the model is and what to type next", () => {
  const last = told.slice(told.indexOf("What happened"));
  expect(last).toMatch(/KA .*\d\d?\.\d \(\d+\.\d to \d+\.\d\)/);
  expect(last).toContain(join(folder, "checkpoints"));
  expect(last).toContain("show small");
  expect(last).toContain("init --from FOLDER");
});

test("a slip in --set is told before anything is fetched or trained", () => {
  const { status, stderr } = spawnSync(process.execPath, [main, "demo", "--set", "optim.lrr=1"], {
    encoding: "utf8",
    cwd: place,
    env: { ...process.env, EVERGREEN_CACHE: join(place, "no-cache") },
  });
  expect([status, existsSync(join(place, "no-cache"))]).toEqual([3, false]);
  expect(stderr).toMatch(/did you mean "?lr/);
});
