import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exampleParts } from "../fixtures/judged-parts.ts";
import { commandIn, type Ended, paintPhotos } from "./evergreen.ts";

// The built program with somebody's own parts in a folder that knows nothing of it: nothing is installed beside them.

let folder: string;
let evergreen: (...argv: readonly string[]) => Ended;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "own-parts-"));
  evergreen = commandIn(folder);
  cpSync(exampleParts, join(folder, "parts"), { recursive: true });
  writeFileSync(join(folder, "parts/methods/typed.ts"), "export default {} as const;\n");
  await paintPhotos(join(folder, "photos/train"), { rose: 200, leaf: 20 }, 6);
  await paintPhotos(join(folder, "photos/test"), { rose: 190, leaf: 30 }, 2);
  writeFileSync(
    join(folder, "run.yaml"),
    [
      "plugins: [./parts]",
      "model: {arch: mini-flux, init: random}",
      "stream: {from: ./photos, tasks: 2, order: largest-first}",
      "data: {mixture: {update: 1}, batch_size: 4, workers: 2, augment: {name: mirrored-crop, mirror: 1}}",
      "budget: {per_task: 2 steps}",
      "methods: [{name: loosening-spring, stiffness: 1}, {name: temporal-merging, operator: coordinate-median, modifier: last-blocks}]",
      "optim: {name: signum, lr: 1e-5}",
      "schedule: {name: slanted-triangle}",
      "loss: {name: decoupled}",
      "eval: {evaluator: nearest-mean}",
    ].join("\n"),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

test("plans and trains with them, in processes and threads of its own", () => {
  const planned = evergreen("plan", "-C", "run.yaml");
  expect(planned, planned.err).toMatchObject({ exit: 0 });
  const trained = evergreen("train", "-C", "run.yaml");
  expect(trained, trained.err).toMatchObject({ exit: 0 });
  const shown = evergreen("show", "latest", "--json");
  expect(shown.out).toContain("nearest_mean_acc1");
  const scored = evergreen("eval", "latest", "--evaluator", "nearest-mean", "--json");
  expect([scored.exit, scored.out.includes("nearest_mean_acc1")]).toEqual([0, true]);
});

test("explains them, from the folder or from those of a run file", () => {
  for (const where of [
    ["--plugins", "parts"],
    ["-C", "run.yaml"],
  ])
    expect(evergreen("explain", "operator", "coordinate-median", ...where).out).toContain("Of every entry the median");
});

test("a TypeScript part where Node reads none says which Node does", () => {
  const { exit, err } = evergreen("explain", "method", "typed", "--plugins", "parts");
  expect(exit).toBe(3);
  if ((process.features as { readonly typescript?: unknown }).typescript) expect(err).toContain("expected a summary");
  else expect(err).toMatch(/EG-3162.*typed\.ts cannot be loaded.*\n.*reads no TypeScript: take Node\.js 22\.18 or newer/s);
});
