import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readSpec } from "../runs/spec.ts";
import { presetFolder } from "./preset-folder.ts";
import { resolveRun } from "./resolve.ts";

const folder = mkdtempSync(join(tmpdir(), "method-files-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The plan of a run file in a folder that has its texts. */
async function planIn(place: string, texts: string) {
  for (const concept of ["ant", "bee"]) {
    mkdirSync(join(place, "photos", concept), { recursive: true });
    for (let i = 0; i < 6; i++) writeFileSync(join(place, "photos", concept, `${i}.png`), `${concept} ${i}`);
  }
  writeFileSync(join(place, "texts.txt"), texts);
  writeFileSync(
    join(place, "run.yaml"),
    `version: 1
model: {arch: mini-flux, init: random}
stream: {from: "folder:./photos?test=0.34"}
data: {mixture: update-only, batch_size: 4}
budget: {total: 1 steps}
methods: [{name: zscl, texts: texts.txt}]
`,
  );
  const { spec } = readSpec({ files: [join(place, "run.yaml")], set: [], env: {}, cwd: folder, presets: presetFolder });
  expect(spec.methods).toEqual([{ name: "zscl", texts: join(place, "texts.txt") }]);
  return (await resolveRun(spec, place)).plan;
}

test("a plan knows a method's file by what is in it: the same wherever it lies, another when it changes", async () => {
  const here = await planIn(join(folder, "here"), "a cat\na dog\n");
  renameSync(join(folder, "here"), join(folder, "there"));
  const moved = await planIn(join(folder, "there"), "a cat\na dog\n");
  expect(JSON.stringify(here.spec.methods)).toMatch(/^\[\{"name":"zscl","texts":"sha256:[0-9a-f]{64}"\}\]$/);
  expect(moved.hash).toBe(here.hash);
  expect((await planIn(join(folder, "there"), "a cat\na cow\n")).hash).not.toBe(here.hash);
});
