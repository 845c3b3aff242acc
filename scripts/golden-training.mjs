// How rows of training.md and backbones.md are read: inputs and expected values out of their cells.
import { tableUnder } from "./golden-markdown.mjs";
import { number, values } from "./golden-values.mjs";

const words = (text) => text.match(/\b[0-9a-f]{8}\b/g).join(" ");
const hex = (text) =>
  text
    .trim()
    .split(/\s+/)
    .map((word) => word.padStart(8, "0"));

function philoxOf(statement) {
  if (statement.includes("all words")) {
    const word = /([0-9a-f]{8})/.exec(statement)[1];
    return { counter: Array(4).fill(word), key: Array(2).fill(word) };
  }
  return { counter: hex(/counter ((?:[0-9a-f]+ ?){4})/.exec(statement)[1]), key: hex(/key ((?:[0-9a-f]+ ?){2})/.exec(statement)[1]) };
}

function keysOf(statement) {
  return [...statement.matchAll(/key\((\d+), `([^`]+)`\)|text `([^`]+)` with seed (\d+)/g)].map((hit) => ({
    seed: Number(hit[1] ?? hit[4]),
    purpose: hit[2] ?? hit[3],
  }));
}

/** "seed 0, task 0, pass 0 / pass 1": what an alternative does not say, the one before said. */
function permutationsOf(statement, start) {
  let at = { ...start };
  return statement.split(" / ").map((part) => {
    for (const key of ["seed", "task", "pass"]) {
      const hit = new RegExp(`${key} (\\d+)`).exec(part);
      if (hit) at = { ...at, [key]: Number(hit[1]) };
    }
    at = { ...at, size: Number(/permutation of (\d+)/.exec(part)?.[1] ?? at.size), purpose: /`([^`]+)`/.exec(part)?.[1] ?? at.purpose };
    return at;
  });
}

const permutationLists = (cell) => cell.split(" / ").map((list) => values(list.replaceAll(" ", "; ")));

function splits(page) {
  const presets = tableUnder(page, "3. Mixture");
  const sizes = presets.header.slice(2).map((title) => Number(/\d+/.exec(title)[0]));
  const short = (name) => name.replace(/ \(.*/, "");
  const shares = presets.rows.map(([name, cell]) => [short(name), values(cell)]);
  const first = tableUnder(page, "First task", 1);
  const firstSize = Number(/preset at (\d+)/.exec(first.header[0])[1]);
  const rule = (column) => Object.fromEntries(first.rows.map((cells) => [cells[0], values(cells[column])]));
  return {
    inputs: { presets: shares.map(([name]) => name), sizes, first: { presets: first.rows.map(([name]) => name), size: firstSize } },
    expected: {
      shares: Object.fromEntries(shares),
      batches: Object.fromEntries(presets.rows.map(([name, , ...cells]) => [short(name), cells.map((cell) => values(cell))])),
      emptyBuffer: { split: rule(1), "oversample-update": rule(2) },
    },
  };
}

export const training = {
  ...Object.fromEntries(["g1", "g2", "g3"].map((id) => [id, ({ cells }) => ({ inputs: philoxOf(cells[0]), expected: words(cells[1]) })])),
  g4: ({ cells }) => ({ inputs: { keys: keysOf(cells[0]) }, expected: cells[1].split(" / ").map(words) }),
  g5: ({ cells }) => ({ inputs: { keys: keysOf(cells[0]) }, expected: cells[1].split(" / ").map(words) }),
  g6: ({ cells }) => ({
    inputs: { key: keysOf(cells[0])[0], counter: values(/counter (\([^)]*\))/.exec(cells[0])[1].replaceAll(",", ", ")) },
    expected: words(cells[1]),
  }),
  g7: ({ cells }) => ({ inputs: { permutations: permutationsOf(cells[0], {}) }, expected: permutationLists(cells[1]) }),
  g8: ({ cells, rows }) => {
    const before = permutationsOf(rows.find(({ id }) => id === "training.g7").cells[0], {})[0];
    return { inputs: { permutations: permutationsOf(cells[0], before) }, expected: permutationLists(cells[1]) };
  },
  g9: ({ page }) => splits(page),
  g10: ({ cells }) => {
    const [g] = /\[\(.*\)\]/.exec(cells[0]);
    const texts = g.match(/\([^)]*\)/g).map((row) => values(row.replaceAll(",", ", ")));
    return {
      inputs: {
        images: texts.map((_, i) => texts.map((__, j) => (i === j ? 1 : 0))),
        texts,
        temperatures: [...cells[0].matchAll(/τ = ([\d.]+)/g)].map((hit) => Number(hit[1])),
      },
      expected: cells[1].split(" / ").map(number),
    };
  },
  g11: ({ cells }) => {
    const [samples, batchSize, tasks] = values(cells[0].replace("S, total", ""));
    const [steps, total] = cells[1].split("; ").map(number);
    return { inputs: { samples, batchSize, tasks }, expected: { steps, total } };
  },
};

const count = ({ cells }) => ({
  inputs: { model: cells[0] },
  expected: {
    vision: number(cells[1]),
    text: number(cells[2]),
    total: number(cells[3]),
    publishedMillions: number(cells[4].replace(" M", "")),
  },
});

export const backbones = {
  ...Object.fromEntries(["g1", "g2", "g3", "g4", "g5", "g6", "g7"].map((id) => [id, count])),
  g8: ({ cells }) => {
    const [, first, ids, word, id] = /“([^”]+)” → ([\d ]+); “… (\w+)” → (\d+)/.exec(cells.at(-1));
    const list = ids.trim().split(" ").map(Number);
    const changed = list.map((one, i) => (i === list.length - 2 ? Number(id) : one));
    return { inputs: { texts: [first, first.replace(/\w+$/, word)] }, expected: [list, changed] };
  },
};
