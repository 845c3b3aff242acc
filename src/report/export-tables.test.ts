import { expect, test } from "vitest";
import { csvTable, latexTable, measurementTable } from "./export-tables.ts";

test("CSV quotes what holds a comma, a quote or a line end, and leaves what was not measured empty", () => {
  const table = {
    columns: [{ title: "a" }, { title: "b,c" }],
    rows: [
      ["x", 0.1],
      ['say "hi"', undefined],
      ["two\nlines", -1],
    ],
  };
  expect(csvTable(table)).toBe('a,"b,c"\nx,0.1\n"say ""hi""",\n"two\nlines",-1');
});

test("LaTeX: names are text whatever is in them, numbers stand to the right, a dash where nothing was measured", () => {
  const table = {
    columns: [{ title: "set" }, { title: "KA %", align: "right" as const }],
    rows: [
      ["a_b & \\c{d}^~$#", "61.3 ± 0.2"],
      ["x", "−1.5"],
      ["y", undefined],
    ],
  };
  expect(latexTable(table)).toBe(
    [
      "\\begin{tabular}{lr}",
      "  \\toprule",
      "  set & KA \\% \\\\",
      "  \\midrule",
      "  a\\_b \\& \\textbackslash{}c\\{d\\}\\textasciicircum{}\\textasciitilde{}\\$\\# & 61.3 $\\pm$ 0.2 \\\\",
      "  x & $-$1.5 \\\\",
      "  y & -- \\\\",
      "  \\bottomrule",
      "\\end{tabular}",
    ].join("\n"),
  );
});

test("measurements keep every digit; tasks count from 1, the start is 0; means follow", () => {
  const row = {
    t: 5,
    task: -1,
    s: 0,
    state: "live",
    dataset: "mnist",
    role: "eval",
    evaluator: "zero-shot",
    metric: "acc1",
    unit: "share",
    n: 3,
  };
  const scores = {
    ka: { metric: "ka", value: 1 / 3, unit: "share" as const, samples: 3, interval: [0.1, 0.5] as const },
    kaSets: ["a"],
    zsSets: [],
  };
  const table = measurementTable(
    [{ ...row, value: 2 / 3, interval: [0.2, 0.9] }],
    [{ task: 1, step: 20, state: "live", cells: {}, scores }],
  );
  expect(csvTable(table).split("\n")).toEqual([
    "after_task,step,state,dataset,role,evaluator,metric,value,low,high,unit,n",
    "0,0,live,mnist,eval,zero-shot,acc1,0.6666666666666666,0.2,0.9,share,3",
    "2,20,live,,,,ka,0.3333333333333333,0.1,0.5,share,3",
  ]);
});

test("tests in time are lines of their own; one that was not scored is none", () => {
  const share = (value: number) => ({ metric: "dynamic", value, unit: "share" as const, samples: 4 });
  const splits = { static: share(0.75), dynamic: [share(0.5), null, share(0)] };
  const table = measurementTable([], [{ task: 0, step: 9, state: "live", cells: {}, scores: { kaSets: [], zsSets: [], splits } }]);
  expect(csvTable(table).split("\n").slice(1)).toEqual([
    "1,9,live,,,,tests_of_task_1,0.5,,,share,4",
    "1,9,live,,,,tests_of_task_3,0,,,share,4",
    "1,9,live,,,,tests_static,0.75,,,share,4",
  ]);
});
