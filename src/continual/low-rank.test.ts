import { expect, test } from "vitest";
import { methods as catalogue, type MethodBudget } from "./method.ts";

async function budgetOf(name: string, options: object): Promise<MethodBudget | undefined> {
  const definition = await catalogue.load(name);
  return definition.build(definition.options.parse(options)).budget;
}

test.each(["lora", "dora", "vera"])(
  "%s at the published sites is known to the table by its rank, at others it is metered",
  async (name) => {
    expect(await budgetOf(name, { r: 4 })).toEqual({ learns: { kind: "adapter", form: name, rank: 4 }, published: `${name}-4` });
    expect(await budgetOf(name, { r: 4, targetModules: ["proj", "v", "k", "q"] })).toEqual(await budgetOf(name, { r: 4 }));
    expect(await budgetOf(name, { targetModules: ["k", "v"] })).toEqual({ learns: "metered" });
    expect(await budgetOf(name, { blocks: { image: [0] } })).toEqual({ learns: "metered" });
  },
);

test.each(["bitfit", "lnfit"])("%s is the table's row where nothing narrows it", async (name) => {
  expect(await budgetOf(name, {})).toEqual({ learns: { kind: "vectors" }, published: name });
  expect(await budgetOf(name, { select: ["visual.*"] })).toEqual({ learns: "metered" });
});

test("a locked tower costs no backward pass", async () => {
  expect(await budgetOf("locked-image", {})).toEqual({
    learns: { image: { kind: "none" }, text: { kind: "all" } },
    published: "locked-image",
  });
  expect(await budgetOf("locked-text", {})).toEqual({
    learns: { image: { kind: "all" }, text: { kind: "none" } },
    published: "locked-text",
  });
  expect(await budgetOf("oft", {})).toEqual({ learns: "metered" });
});
