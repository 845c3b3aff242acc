// How rows of methods.md are read.
import { tableUnder } from "./golden-markdown.mjs";
import { number, numbers, values } from "./golden-values.mjs";

const backbones = ["B/16", "B/32", "S/16", "L/14"];

/** Rows of parameter selection: B/16 and B/32 share a column, by one number or by two. */
const selections = (page) =>
  Object.fromEntries(
    tableUnder(page, "2. Parameter selection").rows.map(([name, , base, small, large]) => {
      const [b16, b32 = b16] = base.split(" / ").map(number);
      return [name, { "B/16": b16, "B/32": b32, "S/16": number(small), "L/14": number(large) }];
    }),
  );

/** Trained parameters at the two ranks that the page prints, of the adapters that it prints them for. */
const adapters = (page) =>
  Object.fromEntries(
    tableUnder(page, "3. Adapters").rows.flatMap((cells) => {
      const counts = (cells.at(-1) ?? "").split(" / ");
      return counts.every((count) => /^[\d,]+$/.test(count)) ? [[cells[0], counts.map(number)]] : [];
    }),
  );

export const methods = {
  g1: ({ cells: [statement, bounds] }) => {
    const cases = statement.split(";").flatMap((part) => {
      const [inputs, ...ranks] = values(part);
      return ranks.map((rank) => [inputs, rank]);
    });
    return { inputs: { cases }, expected: numbers(bounds) };
  },
  g2: ({ page }) => {
    const [selected, adapted] = [selections(page), adapters(page)];
    return {
      inputs: {
        selections: { methods: Object.keys(selected), backbones },
        adapters: { methods: Object.keys(adapted), backbone: "B/16", ranks: [4, 64] },
      },
      expected: { selections: selected, adapters: adapted },
    };
  },
};
