import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { presetFolder } from "../pipeline/preset-folder.ts";
import { readSpec } from "../runs/spec.ts";
import { RunStore } from "../runs/store.ts";
import { readSweep } from "../runs/sweep.ts";
import { configKey } from "../runs/trial.ts";
import { prepareTrials, runTrials, type SweepAudience } from "./sweep.ts";

const place = mkdtempSync(join(tmpdir(), "sweep-parts-"));
afterAll(() => rmSync(place, { recursive: true }));
const write = (name: string, text: string): void => writeFileSync(join(place, name), text);
const context = { store: new RunStore(join(place, "runs")), env: {}, cwd: place, presets: presetFolder, fileOf: (name: string) => name };

mkdirSync(join(place, "parts", "orderings"), { recursive: true });
mkdirSync(join(place, "parts", "schedules"));
const part = 'import "../shared.mjs";\nexport default {};\n';
write("parts/orderings/mine.mjs", part);
write("parts/schedules/other.mjs", part);
write("parts/shared.mjs", "export const half = 0.5;\n");
write(
  "run.yaml",
  "plugins: [./parts]\nname: run\nmodel: {arch: mini, init: random}\nstream: {from: ./photos, order: mine, tasks: 2}\nbudget: {per_task: 2 steps}\n",
);
write("plain.yaml", "name: run\nmodel: {arch: mini, init: random}\nstream: {from: ./photos, tasks: 2}\nbudget: {per_task: 2 steps}\n");

function prepared(run: string): { readonly config: string; readonly run: string; readonly done: boolean } {
  write("sweep.yaml", `name: orders\nrun: [./${run}]\ngrid: {seed: [0]}\nresults: ./results\n`);
  const [trial] = prepareTrials(readSweep(join(place, "sweep.yaml")), context);
  if (!trial) throw new Error("no trial");
  return { config: trial.config, run: trial.run, done: trial.result !== undefined };
}

test("a part of the user's own that changed, or a file that it names, makes its trials anew", () => {
  const before = prepared("run.yaml");
  mkdirSync(join(place, "results"));
  write("results/seed-0.json", JSON.stringify({ format: "trial/2", config: before.config }));
  expect(prepared("run.yaml")).toEqual({ ...before, done: true });

  write("parts/schedules/other.mjs", `${part}// not named by the run\n`);
  expect(prepared("run.yaml")).toEqual({ ...before, done: true });

  write("parts/orderings/mine.mjs", `${part}// changed\n`);
  const changed = prepared("run.yaml");
  expect(changed.done).toBe(false);
  expect(changed.run).not.toBe(before.run);

  write("parts/orderings/mine.mjs", part);
  expect(prepared("run.yaml").done).toBe(true);
  write("parts/shared.mjs", "export const half = 0.25;\n");
  expect(prepared("run.yaml").done).toBe(false);
});

test("without parts of the user's own a trial's key is of its settings alone", () => {
  // One that has them must not leave them to the next.
  prepared("run.yaml");
  const { config } = prepared("plain.yaml");
  const set = ["seed=0", 'name="orders"', 'project="orders"'];
  expect(config).toBe(configKey(readSpec({ files: [join(place, "plain.yaml")], set, env: {}, cwd: place, presets: presetFolder })));
});

test("processes of trials that run side by side do not spin while they wait", async () => {
  vi.stubEnv("OMP_WAIT_POLICY", undefined);
  vi.stubEnv("GOMP_SPINCOUNT", undefined);
  try {
    await runTrials([], { ...context, jobs: 1 }, {} as SweepAudience);
    expect(process.env.GOMP_SPINCOUNT).toBeUndefined();
    await runTrials([], { ...context, jobs: 2 }, {} as SweepAudience);
    expect(process.env.GOMP_SPINCOUNT).toBe("0");
  } finally {
    vi.unstubAllEnvs();
  }
});
