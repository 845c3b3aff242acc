// How rows of evaluation.md are read.
import { tables, tableUnder } from "./golden-markdown.mjs";
import { finest, number, numbers, values } from "./golden-values.mjs";

/** The registry's columns that aggregates need. */
const published = (sets) => ({
  scores: Object.fromEntries(sets.map((set) => [set.handle, set.zeroShotB32])),
  streamed: sets.filter((set) => set.role === "adapt").map((set) => set.handle),
  heldOut: sets.filter((set) => set.role === "eval").map((set) => set.handle),
});

const isRetrieval = (set) => set.type === "retrieval";
/** Labels of a set's test split: its class list, for retrieval its images. */
const labels = (set) => (isRetrieval(set) ? set.test : set.classList);

const pairs = (text) => [...text.matchAll(/\(([^()]*)\)/g)].map(([, list]) => list);

function named(text, names) {
  return Object.fromEntries(names.map(([key, label]) => [key, number(new RegExp(`${label} ([−\\d.]*\\d)`).exec(text)[1])]));
}

function subsetRows(page) {
  const table = tableUnder(page, "4. Subset");
  const cases = table.rows.flatMap((cells) => [cells.slice(0, 3), cells.slice(4, 7)]);
  const [adapt, held] = values(/subset holds ([\d,]+ adapt and [\d,]+) eval/.exec(page)[1]);
  return { cases: cases.map((cells) => values(cells.slice(0, 2).join("; "))), sizes: cases.map((cells) => number(cells[2])), adapt, held };
}

function planeRows(page) {
  const table = tables(page).find(({ rows }) => rows.some(([id]) => id === "evaluation.g7"));
  const [start, oracle] = pairs(table.header.find((title) => title.startsWith("Z =")));
  const tolerance = finest(numbers(table.rows.map((cells) => cells.slice(2).join("; ")).join("; ")));
  return { start: values(start), oracle: values(oracle), tolerance };
}

function plane({ cells, page }) {
  const { start, oracle, tolerance } = planeRows(page);
  const points = cells[0]
    .split(" / ")
    .map((point) => (point === "Z" ? start : point === "O" ? oracle : values(point.replace(/[()]/g, ""))));
  const distances = cells[1].split(" / ").map(number);
  return {
    inputs: { start, oracle, points },
    expected: { distance: points.map((_, i) => distances[i] ?? distances[0]), progress: cells[2].split(" / ").map(number) },
    tolerance,
  };
}

export const evaluation = {
  g1: ({ cells, sets }) => {
    const [ka, zs, gm] = numbers(cells[1].split(" (")[0]);
    return { inputs: published(sets), expected: { ka, zs, gm } };
  },
  g2: ({ cells, sets }) => {
    const of = (role, retrieval) => sets.filter((set) => set.role === role && isRetrieval(set) === retrieval).map((set) => set.handle);
    const [adapt, held, recall] = numbers(cells[0].replace("R5", ""));
    const { scores } = published(sets);
    const inputs = { scores, groups: { adaptAccuracy: of("adapt", false), evalAccuracy: of("eval", false), evalRecall: of("eval", true) } };
    const expected = { adaptAccuracy: adapt, evalAccuracy: held, evalRecall: recall };
    return { inputs, expected, tolerance: finest(expected) };
  },
  g3: ({ cells, sets }) => {
    const counts = (role, key) =>
      Object.fromEntries(
        sets.filter((set) => set.role === role && !(role === "eval" && isRetrieval(set))).map((set) => [set.handle, set[key]]),
      );
    const [ka, zs] = numbers(cells[0]);
    return {
      inputs: { scores: published(sets).scores, streamed: counts("adapt", "classesStreamed"), heldOut: counts("eval", "classList") },
      expected: { ka, zs },
    };
  },
  g4: ({ page, sets }) => {
    const { cases, sizes, adapt, held } = subsetRows(page);
    const of = (role) => sets.filter((set) => set.role === role).map((set) => [set.test, labels(set)]);
    return { inputs: { fraction: 0.1, cases, adapt: of("adapt"), eval: of("eval") }, expected: { sizes, adapt, eval: held } };
  },
  g5: ({ cells, page }) => {
    const line = page.split("\n").find((one) => one.startsWith("Toy case (evaluation.g5)"));
    const owners = values(/owned ([\d,]+):/.exec(line)[1].replaceAll(",", "; "));
    const scores = pairs(line.slice(line.indexOf("owned"))).map((row) => values(row));
    const expected = named(cells[0], [
      ["imageRecallAt1", "T2I@1"],
      ["textRecallAt1", "I2T@1"],
      ["recallAt1", "recall@1"],
      ["imageRecallAt2", "T2I@2"],
      ["textRecallAt2", "I2T@2"],
      ["recallAt2", "recall@2"],
      ["imageMrr", "MRR T2I"],
      ["textMrr", "(?<=MRR T2I [.\\d]+, )I2T"],
    ]);
    return { inputs: { scores, owners }, expected, tolerance: finest(expected) };
  },
  g6: ({ cells }) => {
    const [, matrix, baseline, rest] = /R = \[(\[.*\])\], b = \(([^)]*)\): (.*)/.exec(cells[0]);
    const expected = named(rest, [
      ["backward", "BWT"],
      ["forward", "FWT"],
      ["forgetting", "forgetting"],
      ["mtilTransfer", "Transfer"],
      ["mtilAverage", "Avg"],
      ["mtilLast", "Last"],
    ]);
    return {
      inputs: { after: [...matrix.matchAll(/\[([^[\]]*)\]/g)].map(([, row]) => values(row)), baseline: values(baseline) },
      expected,
      tolerance: finest(expected),
    };
  },
  g7: plane,
  g8: plane,
  g9: plane,
  g10: ({ page }) => {
    const cases = [...page.matchAll(/(\d+)\/(\d+) → ([.\d]+)–([.\d]+)/g)];
    return {
      inputs: { cases: cases.map(([, hits, trials]) => [Number(hits), Number(trials)]) },
      expected: cases.map(([, , , low, high]) => [number(low), number(high.replace(/\.$/, ""))]),
    };
  },
  g11: ({ cells, sets }) => {
    const [, fullKa, fullZs, subsetKa, subsetZs] = /KA ([\d.]+), ZS ([\d.]+) points; at the 10 % subset KA ([\d.]+), ZS ([\d.]+)/.exec(
      cells[0],
    );
    const of = (role) => sets.filter((set) => set.role === role).map((set) => [set.zeroShotB32, set.test, labels(set)]);
    return {
      inputs: { fraction: 0.1, adapt: of("adapt"), eval: of("eval") },
      expected: { full: { ka: number(fullKa), zs: number(fullZs) }, subset: { ka: number(subsetKa), zs: number(subsetZs) } },
    };
  },
};
