// How rows of schedules.md and streams.md are read.
import { tableUnder } from "./golden-markdown.mjs";
import { number, numbers, values } from "./golden-values.mjs";

/** The page's own tolerance (section 6). */
const tolerance = 5e-7;

/** "cosine-warmup, S = 10 (W = 1)" and its kin. */
function caseOf(statement) {
  const setting = (key) => new RegExp(`\\b${key} = ([.\\d]+)`).exec(statement)?.[1];
  const read = Object.fromEntries(["S", "W", "C", "p"].flatMap((key) => (setting(key) === undefined ? [] : [[key, Number(setting(key))]])));
  const both = /W = C = (\d+)/.exec(statement);
  return { schedule: /^[a-z-]+/.exec(statement)?.[0] ?? statement, ...read, ...(both ? { W: Number(both[1]), C: Number(both[1]) } : {}) };
}

const curve = ({ cells }) => ({ inputs: caseOf(cells[0]), expected: numbers(cells[1]), tolerance });

/** One row for two curves: "S = 2: cosine-warmup / rsqrt". */
function curves({ cells }) {
  const names = cells[0].split(": ")[1].split(" / ");
  const lists = cells[1].split(" / ").map(numbers);
  return { inputs: caseOf(cells[0].replace(":", "")), expected: Object.fromEntries(names.map((name, i) => [name, lists[i]])), tolerance };
}

export const schedules = {
  ...Object.fromEntries(["g1", "g2", "g3", "g4", "g5", "g6"].map((id) => [id, curve])),
  g7: ({ cells }) => ({
    inputs: caseOf(cells[0]),
    expected: { "cosine-warmup": numbers(cells[1]), "linear-warmup": numbers(cells[1]), rsqrt: numbers(cells[1]), wsd: numbers(cells[1]) },
    tolerance,
  }),
  g8: curves,
  g9: curves,
};

/** Rows of schedules.md that have values but no name of their own. */
export function scheduleTables(page) {
  const table = tableUnder(page, "6. Golden values");
  const [S, W, mu] = [/S = ([\d,]+)/, /W = C = (\d+)/, /μ = ([\d.]+)/].map((one) => values(one.exec(table.heading)[1])[0]);
  const columns = table.header.slice(1).map((title, c) => [title, table.rows.map((cells) => number(cells[c + 1]))]);
  const equation = /\(S = ([\d,]+): (s = [^)]*)\)/.exec(page.split("\n").find((line) => line.startsWith("| cosine-warmup |")));
  const points = [...equation[2].matchAll(/(\d+) (\.?\d+)/g)];
  return [
    {
      id: "schedules.section6",
      statement: table.heading,
      inputs: { S, W, C: W, floor: mu, steps: table.rows.map(([s]) => Number(s)) },
      expected: Object.fromEntries(columns),
      tolerance,
      standing: "C",
    },
    {
      id: "schedules.section2.equation",
      statement: "cosine-warmup, form: equation",
      inputs: { S: values(equation[1])[0], steps: points.map(([, s]) => Number(s)) },
      expected: points.map(([, , value]) => number(value)),
      tolerance,
      standing: "C",
    },
  ];
}

export const streams = {
  g3: ({ page }) => {
    const { rows } = tableUnder(page, "3. Chunking");
    const cells = rows.map((row) => row.map((cell) => values(cell)[0]));
    return { inputs: { cuts: cells.map(([n, T]) => [n, T]) }, expected: cells.map(([, , each, longer]) => [each, longer]) };
  },
  // What the page's cells only name stands in its tables and in the registry of data sets.
  g2: ({ page }) => {
    const { rows } = tableUnder(page, "8. Published stream files");
    const described = rows.map(([file, entries, neighbours, order]) => [
      file,
      { entries: number(entries), switches: number(neighbours), order },
    ]);
    return { inputs: {}, expected: Object.fromEntries(described) };
  },
  g4: ({ sets }) =>
    withSum(Object.fromEntries(sets.flatMap((set) => (set.classesStreamed > 0 ? [[set.handle, set.classesStreamed]] : [])))),
  g5: ({ page }) => withSum(tableUnder(page, "7. Year groups").rows.map((cells) => number(cells[3]).value)),
  g11: ({ sets }) => ({ inputs: {}, expected: Object.fromEntries(sets.map((set) => [set.handle, set.classList])) }),
};

function withSum(concepts) {
  return { inputs: {}, expected: { concepts, sum: Object.values(concepts).reduce((a, b) => a + b, 0) } };
}
