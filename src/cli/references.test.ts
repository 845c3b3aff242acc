import { expect, test } from "vitest";
import { splitReferences } from "./references.ts";

test("a comma parts references, but not the sets of one place nor a list in braces", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["mini-flux:eval", ["mini-flux:eval"]],
    ["mini-flux:emoji-2018,emoji-2019", ["mini-flux:emoji-2018,emoji-2019"]],
    ["mini-flux:emoji-2018,emoji-2019,folder:./photos?test=1", ["mini-flux:emoji-2018,emoji-2019", "folder:./photos?test=1"]],
    ["mini-flux:eval,./photos", ["mini-flux:eval", "./photos"]],
    ["photos, drawings", ["photos", "drawings"]],
    ["wds:/d/{00,01}.tar,/e/x.tsv", ["wds:/d/{00,01}.tar", "/e/x.tsv"]],
    [" ,", []],
  ];
  for (const [text, parts] of cases) expect(splitReferences([text]), text).toEqual(parts);
  expect(splitReferences(["a,b", "c"])).toEqual(["a", "b", "c"]);
});
