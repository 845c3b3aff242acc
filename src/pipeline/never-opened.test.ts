import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type MixtureName, mixturePresets } from "../mixtures/presets.ts";
import type { RunSpec } from "../runs/spec.ts";
import { openRunData } from "./sources.ts";

const folder = mkdtempSync(join(tmpdir(), "opened-"));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "photos", "ant"), { recursive: true });
writeFileSync(join(folder, "photos", "ant", "1.png"), "no image is read");

/** A run whose pretraining pool is nowhere. */
const spec = (...names: readonly MixtureName[]): RunSpec =>
  ({
    seed: 0,
    stream: { from: "folder:./photos", order: "given" },
    data: {
      pretraining: { from: "./nowhere" },
      mixture: names.map((name, i) => ({ task: i, from: 0, shares: mixturePresets[name] })),
    },
    eval: { suite: "none" },
  }) as unknown as RunSpec;

test("a pretraining pool that no phase of any task gives a share is never opened", async () => {
  expect((await openRunData(spec("iidify", "update-only"), folder)).pretraining).toEqual([]);
  await expect(openRunData(spec("iidify", "update-only", "oracle"), folder)).rejects.toThrow(/nowhere/);
});
