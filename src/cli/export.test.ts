import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { captured } from "../../test/fixtures/cli/captured.ts";
import { make } from "../../test/fixtures/runs/made-run.ts";
import type { Measurement } from "../runs/measurement.ts";
import * as exporting from "./commands/export.ts";

const place = mkdtempSync(join(tmpdir(), "export-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
let runs: readonly string[];

const share = (metric: string, value: number): Measurement => ({
  ...{ metric, value, unit: "share", samples: 8 },
  interval: [value - 0.125, value + 0.125],
});

/** A run that was scored before its first task and after it. */
beforeAll(() => {
  const { store, writer } = make(place, "20260101-000000-x-abcd");
  runs = ["--runs", store.root];
  for (const [task, value] of [
    [-1, 0.25],
    [0, 0.5],
  ] as const) {
    const at = { task, step: 2 + 2 * task, state: "live" } as const;
    const about = { source: "digits", role: "adapt", evaluator: "zero-shot", headline: "acc1" } as const;
    writer.append({ type: "evaluated", ...at, ...about, measurements: [share("acc1", value)] });
    writer.append({ type: "scored", ...at, scores: { ka: share("ka", value), kaSets: ["digits"], zsSets: [] } });
  }
  writer.flush();
});

test.each([
  [["nobody"], "--as: in which form?"],
  [["nobody", "--as", "peft"], "--as peft writes a folder"],
  [["nobody", "--as", "csv", "--intervals"], "--intervals belongs to latex; csv has them in any case"],
] as const)("export %j is refused before the run is looked for", async (argv, reason) => {
  expect(await captured(exporting, ...argv)).toEqual({ exit: 2, out: "", err: "", failure: `EG-2001 ${reason}` });
});

test("csv has every measurement at every digit, means beside the sets", async () => {
  const { out } = await captured(exporting, "abcd", "--as", "csv", ...runs);
  expect(out.trimEnd().split("\n")).toEqual([
    "after_task,step,state,dataset,role,evaluator,metric,value,low,high,unit,n",
    "0,0,live,digits,adapt,zero-shot,acc1,0.25,0.125,0.375,share,8",
    "1,2,live,digits,adapt,zero-shot,acc1,0.5,0.375,0.625,share,8",
    "0,0,live,,,,ka,0.25,0.125,0.375,share,8",
    "1,2,live,,,,ka,0.5,0.375,0.625,share,8",
  ]);
});

test("latex is the matrix, with intervals where they are asked for; a file has what would be printed", async () => {
  const plain = (await captured(exporting, "abcd", "--as", "latex", ...runs)).out;
  expect(plain).toContain("  digits & KA & acc1 & 25.0 & 50.0 \\\\\n");
  expect((await captured(exporting, "abcd", "--as", "latex", "--intervals", ...runs)).out).toContain(
    "  digits & KA & acc1 & 25.0 $\\pm$ 12.5 & 50.0 $\\pm$ 12.5 \\\\\n",
  );
  const file = join(place, "table.tex");
  expect((await captured(exporting, "abcd", "--as", "latex", "--out", file, ...runs)).out).toBe(`${file}\n`);
  expect(readFileSync(file, "utf8")).toBe(plain);
  expect((await captured(exporting, "abcd", "--as", "latex", "--out", file, "-q", ...runs)).out).toBe("");
});

test("clip-benchmark is the last evaluation, printed one a line or put into a folder", async () => {
  const { out } = await captured(exporting, "abcd", "--as", "clip-benchmark", ...runs);
  expect(JSON.parse(out)).toMatchObject({ dataset: "digits", model: "m", pretrained: "20260101-000000-x-abcd@2", metrics: { acc1: 0.5 } });
  const written = (await captured(exporting, "abcd", "--as", "clip-benchmark", "--out", join(place, "results"), ...runs)).out.trim();
  expect(JSON.parse(readFileSync(written, "utf8"))).toEqual(JSON.parse(out));
});
