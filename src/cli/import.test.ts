import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { captured } from "../../test/fixtures/cli/captured.ts";
import * as importing from "./commands/import.ts";

const place = mkdtempSync(join(tmpdir(), "import-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

test("import lists what it reads, and names what is meant by what it does not", async () => {
  expect((await captured(importing)).out).toContain("  evergreen import clip-benchmark  results of CLIP_benchmark");
  expect(await captured(importing, "clip-benchmrk")).toMatchObject({
    exit: 2,
    failure: 'EG-2001 unknown command "import clip-benchmrk"',
  });
});

test("results of CLIP_benchmark are a table under the names that sets have here", async () => {
  const file = join(place, "pets.json");
  const result = { dataset: "wds/vtab/pets", model: "ViT-B-32", pretrained: "openai", task: "zeroshot_classification", language: "en" };
  writeFileSync(file, JSON.stringify({ ...result, metrics: { acc1: 0.875, acc5: 1 } }));
  const { exit, out } = await captured(importing, "clip-benchmark", file);
  expect([exit, out]).toEqual([0, "set\ttask\tmetric\tViT-B-32 openai\noxford_pets\tzeroshot_classification\tacc1\t87.5\n"]);
});
