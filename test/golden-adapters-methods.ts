import { z } from "zod";
import { loraBound } from "../src/continual/low-rank.ts";
import { trainedCount } from "./fixtures/training/adapted.ts";
import { type Adapter, adapter, type Tree } from "./golden-runner.ts";

const names = z.array(z.string());
const count = z.int().min(0);

const bounds = adapter(z.strictObject({ cases: z.array(z.tuple([count, count])) }), ({ cases }) =>
  cases.map(([inputs, r]) => loraBound({ r, init: "published" }, inputs)),
);

const archOf = (backbone: string): string => `ViT-${backbone.replace("/", "-")}`;

/** What a tree of names leads to, one after another: each builds a model of shapes. */
async function table(keys: readonly string[], of: (key: string) => Promise<Tree>): Promise<Tree> {
  const found: Record<string, Tree> = {};
  for (const key of keys) found[key] = await of(key);
  return found;
}

const trained = adapter(
  z.strictObject({
    selections: z.strictObject({ methods: names, backbones: names }),
    adapters: z.strictObject({ methods: names, backbone: z.string(), ranks: z.array(count) }),
  }),
  async ({ selections, adapters: { methods, backbone, ranks } }) => ({
    selections: await table(selections.methods, (name) => table(selections.backbones, (each) => trainedCount(archOf(each), name))),
    adapters: await table(methods, (name) => Promise.all(ranks.map((r) => trainedCount(archOf(backbone), name, { r })))),
  }),
);

/** Product code of the rows of the page on methods; it needs the engine. */
export const methodAdapters: readonly (readonly [string, Adapter])[] = [
  ["methods.g1", bounds],
  ["methods.g2", trained],
];
