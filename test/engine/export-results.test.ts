import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import * as exporting from "../../src/cli/commands/export.ts";
import { captured } from "../fixtures/cli/captured.ts";
import { scoredRuns } from "../fixtures/runs/scored-run.ts";

const place = mkdtempSync(join(tmpdir(), "export-results-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

// Metrics go by the names that evaluators give them, which are loaded with the engine.
test("clip-benchmark is the last evaluation, printed one a line or put into a folder", async () => {
  const runs = ["--runs", scoredRuns(place)];
  const { out } = await captured(exporting, "abcd", "--as", "clip-benchmark", ...runs);
  expect(JSON.parse(out)).toMatchObject({ dataset: "digits", model: "m", pretrained: "20260101-000000-x-abcd@2", metrics: { acc1: 0.5 } });
  const written = (await captured(exporting, "abcd", "--as", "clip-benchmark", "--out", join(place, "results"), ...runs)).out.trim();
  expect(JSON.parse(readFileSync(written, "utf8"))).toEqual(JSON.parse(out));
});
