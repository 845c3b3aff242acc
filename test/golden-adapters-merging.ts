import { z } from "zod";
import { scope } from "../src/engine/scope.ts";
import { readFloats, tensor } from "../src/engine/tensor.ts";
import { votesOf } from "../src/merging/consensus.ts";
import { planMajority } from "../src/merging/election.ts";
import { sumOfVectors } from "../src/merging/fold.ts";
import lines from "../src/merging/modifiers/lines.ts";
import type { MergeOperator } from "../src/merging/operator.ts";
import opcm from "../src/merging/operators/opcm.ts";
import { allVectors, productsOf } from "../src/merging/products.ts";
import { outsideOf } from "../src/merging/projection.ts";
import { resolveMerge } from "../src/merging/settings.ts";
import { stockRatio } from "../src/merging/stock-ratio.ts";
import { exactTrim, sumOfTrimmed } from "../src/merging/trim.ts";
import type { ComponentSpec } from "../src/util/component.ts";
import { mergeToy, mergeToysBy, workedVectors } from "./engine/toy-merges.ts";
import { type Adapter, adapter, type Tree } from "./golden-runner.ts";

const nothing = z.strictObject({});
const row = (run: () => Tree | Promise<Tree>): Adapter => adapter(nothing, run);
const three = (operator: ComponentSpec): Promise<readonly number[]> => mergeToy({ operator, models: workedVectors });
const all = (...operators: readonly ComponentSpec[]): Promise<readonly (readonly number[])[]> => Promise.all(operators.map(three));

/** As the page prints numbers: no zero before the point, a true minus sign. */
const printed = (value: number, digits?: number): string =>
  (digits === undefined ? `${Number(value.toFixed(6))}` : value.toFixed(digits)).replace(/^(-?)0\./, "$1.").replace("-", "−");
const tuple = (values: readonly number[], digits?: number): string => `(${values.map((value) => printed(value, digits)).join(", ")})`;

/** The worked vectors one by one, after a trim. */
const trims = (options: object): Promise<Tree> =>
  Promise.all(
    workedVectors.map(async (vector) => tuple(await mergeToy({ operator: { name: "breadcrumbs", top: 0, ...options }, models: [vector] }))),
  );

/** What an operator of our own gives for the worked vectors: a look into what the real ones are made of. */
async function look(operator: Pick<MergeOperator, "plan" | "merge">): Promise<readonly number[]> {
  const settings = await resolveMerge({ towers: both({ name: "task-arithmetic" }), count: 3, hasBase: true });
  const probe: MergeOperator = { ...settings.towers.image.operator, ...operator };
  const tower = { ...settings.towers.image, operator: probe };
  const { x } = mergeToysBy({ models: workedVectors }, { ...settings, towers: { image: tower, text: tower } });
  return Array.from(x ?? []);
}
const both = (operator: ComponentSpec) => ({ image: { operator }, text: { operator } });

async function electedAt(remove: number): Promise<readonly string[]> {
  const signs = await look({
    plan: (tower) => {
      const trim = exactTrim(tower, { remove, top: 0 }, "tower");
      return { trim, majority: planMajority(tower, trim, "tower") };
    },
    merge: (input, _, plan) => {
      const { trim, majority } = plan as { trim: ReturnType<typeof exactTrim>; majority: ReturnType<typeof planMajority> };
      const totals = readFloats(sumOfTrimmed(input, trim));
      return tensor(
        totals.map((total) => Math.sign(total) || majority(input)),
        [input.size],
        "float32",
      );
    },
  });
  return signs.map((sign) => (sign > 0 ? "+" : sign < 0 ? "−" : "0"));
}
const elected = row(async () => {
  const [none, half] = [await electedAt(0), await electedAt(0.5)];
  const joint = none.map((sign, i) => (sign === half[i] ? sign : `${sign} or ${half[i]}`));
  return [...joint.slice(0, 5), `${joint[5]} (entries 5 and 6 by the global rule)`];
});
const votes = row(() =>
  look({
    merge: (input) => votesOf(input, sumOfVectors(input), 0.4),
  }),
);

const ties = (remove: number): Promise<Tree> =>
  all(...(["mean", "sum", "max"] as const).map((merge) => ({ name: "ties", remove, merge, lambda: 1 })));
const crumbs = (merge: string): ComponentSpec => ({ name: "breadcrumbs-ties", remove: 1 / 3, top: 1 / 6, merge });

/** Cosine, ratio and result of Model Stock. */
async function stock(models: readonly (readonly number[])[]) {
  let found: ReturnType<typeof stockRatio> = { cosine: undefined, ratio: Number.NaN };
  const settings = await resolveMerge({ towers: both({ name: "task-arithmetic" }), count: models.length, hasBase: true });
  const probe: MergeOperator = {
    ...settings.towers.image.operator,
    plan: (tower) => {
      found = stockRatio(productsOf(tower, allVectors).get("x") ?? []);
    },
  };
  const tower = { ...settings.towers.image, operator: probe };
  mergeToysBy({ models }, { ...settings, towers: { image: tower, text: tower } });
  return { ...found, result: await mergeToy({ operator: { name: "model-stock" }, models }) };
}
const stockOfTwo = row(async () => {
  const {
    cosine = 0,
    ratio,
    result,
  } = await stock([
    [3, 0],
    [2.4, 1.8],
  ]);
  return [`c = ${printed(cosine)}`, `ρ = ${printed(ratio, 6)}`, `result ${tuple(result)}`];
});
const stockOfWorked = row(async () => {
  const { cosine = 0, ratio, result } = await stock([workedVectors[0], workedVectors[2]]);
  const [first = 0, ...rest] = result;
  return [`c = ${printed(cosine, 6)}`, `ρ = ${printed(ratio, 6)}`, `result ${printed(first, 6)}`, ...rest];
});

const slerp = async (second: readonly number[], w: number): Promise<string> =>
  tuple(await mergeToy({ operator: { name: "slerp" }, models: [[1, 0], second], weights: { each: [1 - w, w] } }), 6);

/** One merge after another of [new, old]; each expert sees the weights so far. */
async function chain(
  operator: ComponentSpec,
  at: { readonly from: number; readonly steps: number; readonly w?: number; expert(i: number, r: number): number },
): Promise<number[]> {
  const results: number[] = [];
  let r = at.from;
  for (let i = 1; i <= at.steps; i++) {
    const weights = at.w === undefined ? {} : { weights: { each: [1 - at.w, at.w] } };
    [r = Number.NaN] = await mergeToy({ operator, models: [[at.expert(i, r)], [r]], ...weights });
    results.push(r);
  }
  return results;
}
const ema = { name: "linear" };
const diverging = row(async () => {
  const sums = { name: "task-arithmetic", lambda: 1 };
  const apart = await chain(sums, { from: 0, steps: 20, expert: () => 1 });
  const after = await chain(sums, { from: 0, steps: 4, expert: (_, r) => r + 1 });
  const [first, ...rest] = after;
  return [...apart.slice(0, 5), "…", `${apart[19]} at t = 20 (diverges); experts that start from r: ${first}`, ...rest, "…"];
});
const damped = row(async () => {
  const found = await chain({ name: "task-arithmetic", lambda: 0.1 }, { from: 0, steps: 12, expert: () => 1 });
  const end = Math.abs((found[11] ?? 0) - 1 / 9) < 1e-7 ? "1/9" : `${found[11]}`;
  return [...found.slice(0, 4), `… → ${end}`];
});

const blockFactors = row(() => {
  const options = lines.options.parse({ alpha: 0.5, beta: 0.5, shape: "linear" });
  const factors = Array.from({ length: 12 }, (_, block) => lines.factor({ block, blocks: 12, side: "inside" }, options));
  const text = factors.map((factor) => printed(Number(factor.toFixed(4)))).join(", ");
  return `L = 12, α = β = 0.5 (merging.g20): linear ${text};`;
});

const orthogonal = row(async () => {
  const first = [2, 0, 0, 1];
  const second = [1, 1, 1, 1];
  const matrix = (entries: ArrayLike<number>): string => {
    const [a = "", b = "", c = "", d = ""] = Array.from(entries, (entry) => printed(entry));
    return `[[${a}, ${b}], [${c}, ${d}]]`;
  };
  const square = (entries: readonly number[]) => tensor(entries, [4], "float32");
  const part = scope(() => readFloats(outsideOf(square(first), square(second), { shape: [2, 2], layers: 1, alpha: 0.5 })));
  let plan: ReturnType<typeof opcm.plan> | undefined;
  const settings = await resolveMerge({ towers: both({ name: "opcm", alpha: 0.5 }), count: 2, hasBase: true });
  const probe: MergeOperator = { ...opcm, plan: (tower, options) => (plan = opcm.plan(tower, options as { alpha: number })) };
  const tower = { ...settings.towers.image, operator: probe as MergeOperator };
  const { x = [] } = mergeToysBy(
    { models: [first, second], tensors: { x: { shape: [2, 2], layers: 1 } } },
    { ...settings, towers: { image: tower, text: tower } },
  );
  const lambda = 1 / (plan?.scale ?? Number.NaN);
  const nu = Math.hypot(...(plan?.sums.get("x") ?? [])) / lambda;
  return `Golden merging.g22: Δ = diag(2, 1), τ = all ones 2 × 2, α .5: r = 0, P(τ) = ${matrix(part)}, ν ${printed(nu)}, λ ${printed(lambda)}, Δ = ${matrix(x)}.`;
});

/** Product code of the rows of the page on merging; it needs the engine. */
export const mergingAdapters: readonly (readonly [string, Adapter])[] = [
  ["merging.g1", row(() => three({ name: "linear" }))],
  ["merging.g2", row(() => all({ name: "task-arithmetic", lambda: 1 }, { name: "task-arithmetic", lambda: 0.3 }))],
  ["merging.g3", row(() => three({ name: "magmax" }))],
  ["merging.g4", row(() => trims({ remove: 0.5 }))],
  ["merging.g5", elected],
  ["merging.g6", row(() => ties(0))],
  ["merging.g7", row(() => ties(0.5))],
  ["merging.g8", row(() => trims({ remove: 1 / 3, top: 1 / 6 }))],
  ["merging.g9", row(() => all(crumbs("mean"), crumbs("sum")))],
  ["merging.g10", votes],
  ["merging.g11", row(() => all(...[1, 2, 3].map((agree) => ({ name: "tall-masks", agree }))))],
  ["merging.g12", stockOfTwo],
  ["merging.g13", stockOfWorked],
  ["merging.g14", row(() => Promise.all([slerp([0, 1], 0.5), slerp([0, 1], 0.25)]))],
  ["merging.g15", row(() => slerp([0, 2], 0.9))],
  ["merging.g16", row(() => chain(ema, { from: 0, steps: 5, w: 0.9, expert: (i) => i }))],
  ["merging.g17", row(() => chain(ema, { from: 1, steps: 4, w: 0.9, expert: (i) => i + 1 }))],
  ["merging.g18", diverging],
  ["merging.g19", damped],
  ["merging.g20", blockFactors],
  ["merging.g22", orthogonal],
];
