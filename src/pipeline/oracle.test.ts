import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { mixturePresets } from "../mixtures/presets.ts";
import { readSpec } from "../runs/spec.ts";
import { oracleMixture, oracleSettings } from "./oracle.ts";
import { presetFolder } from "./preset-folder.ts";
import { resolveRun, toPlan } from "./resolve.ts";

const folder = mkdtempSync(join(tmpdir(), "oracle-"));
afterAll(() => rmSync(folder, { recursive: true }));
/** A run file in that folder. */
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function oracleOf(files: readonly string[], ...set: readonly string[]) {
  const request = { files, set, env: {}, cwd: folder, presets: presetFolder };
  const settings = await oracleSettings(readSpec(request).spec, folder);
  const { spec } = readSpec({ ...request, set: [...set, ...settings] });
  return { spec, tasks: (await resolveRun(spec, folder, toPlan)).plan.tasks };
}

describe("the oracle of a run", () => {
  test("of the reference setting is one task of 28,400 steps, 14,540,800 samples, 169 rows of pretraining and 343 of the task", async () => {
    const reference = file(
      "reference.yaml",
      `version: 1
name: reference
model: {arch: ViT-B-16, init: random}
stream: {from: "fomo:adapt", tasks: 20, order: random}
data: {mixture: reference, pretraining: {from: "pool:laion-400m"}}
budget: {total: 1.8e9 GMAF}
`,
    );
    const { spec, tasks } = await oracleOf([reference]);
    expect(tasks.map(({ steps, concepts, phases }) => [steps, concepts.length, phases])).toEqual([
      [28_400, 18_381, [{ from: 0, rows: { update: 343, buffer: 0, pretraining: 169 } }]],
    ]);
    expect((tasks[0]?.steps ?? 0) * spec.data.batchSize).toBe(14_540_800);
    expect(spec.name).toBe("reference-oracle");
    expect(spec.data.mixture).toEqual([{ task: 0, from: 0, shares: mixturePresets.oracle }]);
  });

  test("spends what the run it bounds spends, whatever its budget, mixture and buffer say", async () => {
    for (const concept of ["ant", "bee", "cat"]) {
      mkdirSync(join(folder, "photos", concept), { recursive: true });
      for (let i = 0; i < 12; i++) writeFileSync(join(folder, "photos", concept, `${i}.png`), `${concept} ${i}`);
    }
    const run = file(
      "run.yaml",
      `version: 1
name: mine
model: {arch: mini-flux, init: random}
stream: {from: "folder:./photos", tasks: 3, cut_by: samples}
data: {mixture: iidify, buffer: {name: recent, capacity: 5}, first_task_rule: split, draws: {buffer: class-balanced}, batch_size: 8}
budget: {per_task: 5 steps}
eval: {suite: none}
`,
    );
    const { spec, tasks } = await oracleOf([run]);
    expect(tasks.map(({ steps, concepts, phases }) => [steps, concepts.length, phases])).toEqual([
      [15, 3, [{ from: 0, rows: { update: 8, buffer: 0, pretraining: 0 } }]],
    ]);
    expect(spec.data.mixture).toEqual([{ task: 0, from: 0, shares: mixturePresets["update-only"] }]);
    const timed = await oracleOf([run], "budget.per_task=null", 'budget.total="21s"', 'budget.step_time="350ms"');
    expect(timed.tasks.map(({ steps }) => steps)).toEqual([60]);
  });
});

test("its mixture keeps the pretraining share of all steps and gives the buffer's to the task", () => {
  const course = (name: keyof typeof mixturePresets) => [{ task: 0, from: 0, shares: mixturePresets[name] }];
  expect(oracleMixture(course("reference"), [1420, 1420])).toEqual(mixturePresets.oracle);
  expect(oracleMixture(course("ibrahim"), [7])).toEqual({ update: 0.95, buffer: 0, pretraining: 0.05 });
  expect(oracleMixture(course("no-buffer"), [7])).toEqual(mixturePresets["no-buffer"]);
  const changing = [...course("update-only"), { task: 0, from: 0.75, shares: mixturePresets["pretrain-heavy"] }];
  // A quarter of the steps has .8.
  expect(oracleMixture(changing, [8, 16])).toEqual({ update: 0.8, buffer: 0, pretraining: 0.2 });
});
