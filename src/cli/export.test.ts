import { expect, test } from "vitest";
import { captured } from "../../test/fixtures/cli/captured.ts";
import * as exporting from "./commands/export.ts";

test.each([
  [["nobody"], "--as: in which form?"],
  [["nobody", "--as", "peft"], "--as peft writes a folder"],
  [["nobody", "--as", "csv", "--intervals"], "--intervals belongs to latex; csv has them in any case"],
] as const)("export %j is refused before the run is looked for", async (argv, reason) => {
  expect(await captured(exporting, ...argv)).toEqual({ exit: 2, out: "", err: "", failure: `EG-2001 ${reason}` });
});
