import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { captured } from "../../test/fixtures/cli/captured.ts";
import { scoredRuns } from "../../test/fixtures/runs/scored-run.ts";
import * as exporting from "./commands/export.ts";

const place = mkdtempSync(join(tmpdir(), "export-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
let runs: readonly string[];

beforeAll(() => {
  runs = ["--runs", scoredRuns(place)];
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
