// How rows of budget.md are read: inputs and expected values out of its tables and sentences.
import { tableUnder } from "./golden-markdown.mjs";
import { number, values } from "./golden-values.mjs";

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/** A printed number, also `1.8·10⁹`. */
function power(text) {
  const [, mantissa, digits] = /^([\d.,]+)(?:·10([⁰¹²³⁴⁵⁶⁷⁸⁹]+))?/.exec(text.trim());
  return number(digits ? `${mantissa}e${[...digits].map((digit) => superscripts.indexOf(digit)).join("")}` : mantissa);
}
const within = (tolerance, cell) => Object.assign(number(cell), { unit: 2 * tolerance });
const lists = (text) => text.split(" / ").map((list) => list.split(", ").map(number));

/** `LoRA r=4` → `lora-4`, as product code names it. */
const methodOf = (text) => text.toLowerCase().replace(" r=", "-");
const published = (page) => tableUnder(page, "2. Published table");
const columns = (page) => {
  const { header, rows } = tableUnder(page, "4. Golden FLOPs");
  return { backbones: header.slice(1), rows: rows.filter((cells) => cells.slice(1).every((cell) => /\d/.test(cell))) };
};
const budgets = (page) =>
  Object.fromEntries(tableUnder(page, "1. Definition").rows.map(([backbone, total]) => [backbone, power(total).value]));
const setting = (page, backbone = "B/16") => ({ backbone, gigaFlops: budgets(page)[backbone], batchSize: 512, tasks: [20, 50, 100, 200] });

export const budget = {
  g1: ({ page }) => ({
    inputs: { ...setting(page), methods: published(page).rows.map(([name]) => methodOf(name)) },
    expected: Object.fromEntries(published(page).rows.map(([name, ...cells]) => [methodOf(name), cells.slice(4).map(number)])),
  }),
  g2: ({ page }) => ({
    inputs: { backbone: "B/16", batchSize: 512, methods: published(page).rows.map(([name]) => methodOf(name)) },
    expected: Object.fromEntries(
      published(page).rows.map(([name, , , , cell]) => [methodOf(name), within(name === "EWC" ? 5e-4 : 2e-4, cell)]),
    ),
  }),
  g3: ({ page }) => {
    const { backbones, rows } = columns(page);
    const tolerance = (backbone) => (backbone === "B/16" ? 2e-4 : 1e-3);
    const line = (cells) => Object.fromEntries(backbones.map((backbone, i) => [backbone, within(tolerance(backbone), cells[i])]));
    const named = rows.flatMap(([names, ...cells]) =>
      names.split(", ").map((name) => [name === "full" ? "full-ft" : methodOf(name), line(cells)]),
    );
    return { inputs: { backbones, batchSize: 512, methods: named.map(([name]) => name) }, expected: Object.fromEntries(named) };
  },
  g4: ({ cells }) => ({ inputs: { backbone: "B/16", batchSize: 512 }, expected: number(cells[1]) }),
  g5: ({ cells, page }) => {
    const row = tableUnder(page, "6. Both accountings")
      .rows.find(([name]) => name === "EWC")
      .join(" ");
    return {
      inputs: {
        ...setting(page),
        batches: values(/K = (\d+)/.exec(cells[0])[1])[0],
        pools: values(/pool size \(([^)]*) batches/.exec(row)[1]),
      },
      expected: lists(cells[1]),
    };
  },
  g6: ({ page }) => {
    const sentence = page.split("\n").find((line) => line.startsWith("Compute scaling"));
    const [, factors, full, lora] = /uses ×([\d., ]+): .*T = 20 gets ([\d, ]+) steps; LoRA r = 4 gets ([\d, ]+) \(/.exec(sentence);
    return {
      inputs: { ...setting(page), tasks: 20, factors: values(factors) },
      expected: { "full-ft": full.split(", ").map(number), "lora-4": lora.split(", ").map(number) },
    };
  },
  g7: ({ cells, page }) => ({ inputs: setting(page, "B/32"), expected: cells[1].split(", ").map(number) }),
  g8: ({ cells, page }) => ({ inputs: { ...setting(page), tasks: 20 }, expected: cells[1].split(" / ").map(number) }),
  g9: ({ page }) => {
    const { header, rows } = tableUnder(page, "1. Definition", 1);
    return {
      inputs: { backbones: header.slice(1), batchSize: 512, steps: values(/for ([\d,]+) full-ft/.exec(rows[0][0])[1])[0] },
      expected: Object.fromEntries(header.slice(1).map((backbone, i) => [backbone, power(rows[0][i + 1])])),
    };
  },
  g10: ({ page }) => {
    const lines = page.split("\n");
    const at = lines.findIndex((line) => line.startsWith("Forward GFLOPs per sample"));
    const found = [
      ...lines
        .slice(at, at + 2)
        .join(" ")
        .matchAll(/([A-Za-z][\w/-]*(?: \(256 px\))?) (\d+\.\d+) \+ (\d+\.\d+)/g),
    ];
    return {
      inputs: { models: found.map(([, name]) => name) },
      expected: Object.fromEntries(found.map(([, name, image, text]) => [name, [number(image), number(text)]])),
    };
  },
};
