import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureMiniFlux } from "../../src/data/mini-flux/ensure.ts";
import { presetFolder } from "../../src/pipeline/preset-folder.ts";
import { startRun } from "../../src/pipeline/run.ts";
import type { RunEvent } from "../../src/runs/event.ts";
import { readSpec } from "../../src/runs/spec.ts";
import { RunStore } from "../../src/runs/store.ts";

// All 200 steps with EVERGREEN_LONG_TESTS=1; the first ones are enough to see that data, order, augmentation, model and optimizer are those of the recipe.
const steps = process.env.EVERGREEN_LONG_TESTS ? 200 : 12;
const folder = mkdtempSync(join(tmpdir(), "evergreen-recipe-"));
const log = JSON.parse(readFileSync(join(presetFolder, "mini-flux-base.losses.json"), "utf8")) as { readonly losses: readonly number[] };

beforeAll(async () => {
  await ensureMiniFlux();
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test(`the first ${steps} steps of the base checkpoint's recipe give the committed losses`, async () => {
  const losses: number[] = [];
  const parsed = readSpec({
    files: [join(presetFolder, "mini-flux-base.yaml")],
    // The warm-up is longer than what is run here, so a shorter budget changes no rate.
    set: [`budget.total=${steps} steps`],
    env: {},
    cwd: folder,
    presets: presetFolder,
  });
  await startRun(parsed, folder, {
    store: new RunStore(join(folder, "runs")),
    env: {},
    versions: {},
    stopRequested: () => false,
    onEvent: (event: RunEvent) => {
      if (event.type === "step") losses.push(event.losses.loss ?? Number.NaN);
    },
  });
  expect(losses).toHaveLength(steps);
  // Equal on the machine that made them; bf16 products of another processor round elsewhere.
  const worst = Math.max(...losses.map((loss, i) => Math.abs(loss - (log.losses[i] ?? Number.NaN)) / (log.losses[i] ?? 1)));
  expect(worst).toBeLessThan(2e-2);
}, 300_000);
