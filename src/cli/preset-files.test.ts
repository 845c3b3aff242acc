import { expect, test } from "vitest";
import { presetFolder } from "../pipeline/preset-folder.ts";
import { readSpec } from "../runs/spec.ts";
import { presetFiles, presetPath, presetSummary } from "./preset-files.ts";

test("every preset is a run file that reads without a problem and says what it is", () => {
  const files = presetFiles();
  expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(["demo", "fomo-mini", "mini-flux-base"]));
  for (const file of files) {
    // A method's preset goes over a run file.
    const under = file.name.startsWith("method-") ? [presetPath("fomo-mini")] : [];
    const { spec } = readSpec({ files: [...under, presetPath(file.name)], set: [], env: {}, cwd: "/", presets: presetFolder });
    expect(spec.name).toBe(file.name);
    expect(presetSummary(file).length).toBeGreaterThan(20);
  }
});

test("a preset is found with or without its prefix, and a slip is told what was meant", () => {
  expect(presetPath("preset:demo")).toBe(presetPath("demo"));
  expect(() => presetPath("dmeo")).toThrowError(expect.objectContaining({ fix: "did you mean: preset:demo" }));
});
