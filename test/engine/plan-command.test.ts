import { expect, test } from "vitest";
import * as plan from "../../src/cli/commands/plan.ts";
import { captured } from "../fixtures/cli/captured.ts";

const planOf = (method: string) =>
  captured(
    plan,
    "-C",
    "preset:fomo-b16",
    "-C",
    `preset:method-${method}`,
    "--set",
    "stream.from=fomo:birdsnap",
    "--set",
    "eval.suite=auto",
  );

test.each([
  ["lora-4", "0.68 M"],
  ["vera-4", "0.06 M"],
  ["dora-64", "10.9 M"],
  ["lnfit", "0.07 M"],
])("a plan of %s says that %s parameters learn", async (method, learn) => {
  expect((await planOf(method)).out).toContain(`ViT-B-16, ${learn} of 149.6 M parameters learn`);
});
