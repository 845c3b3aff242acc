import { expect, test } from "vitest";
import { captured } from "../../test/fixtures/cli/captured.ts";
import * as command from "./merge-sweep.ts";

test.each([
  [["preset:mini-flux-base"], "is no run's"],
  [["a", "--weight", "0:2:0.5"], "--weight 0:2:0.5: expected FROM:TO:STEP or a list of numbers in [0, 1]"],
  [["a", "--weight", "0:1:0"], "--weight 0:1:0: expected"],
  [["a", "--weight", "0:1:0.001"], "--weight 0:1:0.001: expected"],
  [["a", "--weight", "0,,1"], "--weight 0,,1: expected"],
  [["a", "--floor", "much"], "--floor much: expected points below the old weights' ZS, or per cent"],
  [["a", "--floor", "101"], "--floor 101: expected"],
  [["a", "--unfold", "--from", "previous"], "--unfold goes between the last expert and what came before"],
  [["a", "--figure", "curve.pdf"], "--figure curve.pdf: expected .svg or .png"],
  [["preset:mini-flux-base", "--unfold"], "--unfold: preset:mini-flux-base is no run's"],
] as const)("merge sweep %j is refused before anything is read", async (argv, problem) => {
  const { exit, out, failure } = await captured(command, ...argv);
  expect([exit, out, failure]).toEqual([2, "", expect.stringContaining(problem)]);
});

test("a floor below the start may be given as a word of its own", async () => {
  const { failure } = await captured(command, "preset:mini-flux-base", "--floor", "-1");
  expect(failure).toContain("is no run's");
});
