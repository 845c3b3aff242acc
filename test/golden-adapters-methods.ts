import { z } from "zod";
import { loraBound } from "../src/continual/low-rank.ts";
import type { MethodDefinition } from "../src/continual/method.ts";
import ewc from "../src/continual/methods/ewc.ts";
import si from "../src/continual/methods/si.ts";
import { scope } from "../src/engine/scope.ts";
import type { StateTree, Weights } from "../src/engine/tensor.ts";
import { pullOf, vector } from "./fixtures/continual/scalars.ts";
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

/** What a penalty costs with this importance at these distances: its anchor lies at zero. */
const penalty = (definition: MethodDefinition, stateOf: (importance: Weights, anchor: Weights) => StateTree): Adapter =>
  adapter(z.strictObject({}), () =>
    scope(() => {
      const state = stateOf(new Map([["w", vector(0.5, 2)]]), new Map([["w", vector(0, 0)]]));
      const method = definition.build(definition.options.parse({}));
      return pullOf(method, state, { name: "w", weight: vector(0.5, -1) })?.value;
    }),
  );

/** Product code of the rows of the page on methods; it needs the engine. */
export const methodAdapters: readonly (readonly [string, Adapter])[] = [
  ["methods.g1", bounds],
  ["methods.g2", trained],
  ["methods.g3", penalty(ewc, (fisher, anchor) => ({ ties: [{ fisher, anchor }] }))],
  ["methods.g4", penalty(si, (importance, start) => ({ path: new Map(), start, importance, expert: null }))],
];
