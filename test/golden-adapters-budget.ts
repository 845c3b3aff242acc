import { z } from "zod";
import { type Accounting, chargeOf } from "../src/budget/cost.ts";
import { type PublishedMethod, publishedMethod } from "../src/budget/published.ts";
import { full, stepFlops } from "../src/budget/step-flops.ts";
import { batchesOfPool, stepsPerTask } from "../src/budget/steps.ts";
import { type ClipWork, forwardFlops } from "../src/budget/tower.ts";
import { architecture, architectureNames } from "../src/models/architecture.ts";
import { workOf } from "../src/pipeline/plan-shape.ts";
import { type Adapter, adapter, type Tree } from "./golden-runner.ts";

const giga = 1e9;
const count = z.int().min(1);
const names = z.array(z.string());
const setting = z.strictObject({ backbone: z.string(), gigaFlops: z.number(), batchSize: count, tasks: z.array(count) });
const oneCount = setting.extend({ tasks: count });

const backbone = (name: string): ClipWork => workOf(architecture(`ViT-${name.replace("/", "-")}`));
function known(name: string): PublishedMethod {
  const method = publishedMethod(name);
  if (!method) throw new Error(`no published method ${name}`);
  return method;
}
const named = (keys: readonly string[], of: (key: string) => Tree): Tree => Object.fromEntries(keys.map((key) => [key, of(key)]));

/** A step of a method with what the end of a task costs. */
function priceOf(method: PublishedMethod, at: { readonly backbone: string; readonly batchSize: number }, accounting: Accounting) {
  const step = stepFlops(backbone(at.backbone), method.sides, at.batchSize);
  const flops = { runStart: 0, taskStart: 0, step, taskEnd: method.stepsAtTaskEnd * step };
  return { ...chargeOf(flops, method.multiplier, accounting), strict: false };
}
function stepsOf(
  method: PublishedMethod,
  at: { readonly backbone: string; readonly batchSize: number; readonly gigaFlops: number },
  tasks: number,
  accounting: Accounting = "published",
): number {
  const price = priceOf(method, at, accounting);
  return stepsPerTask({ scope: "run", unit: "mafs", total: at.gigaFlops * giga }, { batchSize: at.batchSize, tasks, price });
}

const cells = adapter(setting.extend({ methods: names }), (row) =>
  named(row.methods, (name) => {
    const steps = row.tasks.map((tasks) => stepsOf(known(name), row, tasks));
    const total = (row.tasks.at(-1) ?? 0) * (steps.at(-1) ?? 0);
    return [...steps, total, total * row.batchSize];
  }),
);
const adjusted = adapter(z.strictObject({ backbone: z.string(), batchSize: count, methods: names }), (row) =>
  named(row.methods, (name) => priceOf(known(name), row, "published").perStep / giga),
);
const closedForm = adapter(z.strictObject({ backbones: names, batchSize: count, methods: names }), (row) =>
  named(row.methods, (name) => named(row.backbones, (each) => stepFlops(backbone(each), known(name).sides, row.batchSize) / giga)),
);
const fisherShare = adapter(z.strictObject({ backbone: z.string(), batchSize: count }), (row) => {
  const ewc = known("ewc");
  return priceOf({ ...ewc, multiplier: 1 }, row, "published").perStep / stepFlops(backbone(row.backbone), full, row.batchSize);
});
const fairFisher = adapter(setting.extend({ batches: count, pools: z.array(z.number()) }), (row) => {
  const steps = (batchesAt: (index: number) => number): number[] =>
    row.tasks.map((tasks, i) => stepsOf({ ...known("ewc"), stepsAtTaskEnd: batchesAt(i) }, row, tasks, "fair"));
  return [steps(() => row.batches), steps((i) => batchesOfPool(row.batches, (row.pools[i] ?? 0) * row.batchSize, row.batchSize))];
});
const scaling = adapter(oneCount.extend({ factors: z.array(z.number()) }), (row) =>
  named(["full-ft", "lora-4"], (name) =>
    row.factors.map((factor) => stepsOf(known(name), { ...row, gigaFlops: row.gigaFlops * factor }, row.tasks)),
  ),
);
const fullSteps = adapter(setting, (row) => row.tasks.map((tasks) => stepsOf(known("full-ft"), row, tasks)));
const oracle = adapter(oneCount, (row) => [
  row.tasks * stepsOf(known("full-ft"), row, row.tasks) * row.batchSize,
  stepsOf(known("full-ft"), row, 1) * row.batchSize,
]);
const equalSteps = adapter(z.strictObject({ backbones: names, batchSize: count, steps: count }), (row) =>
  named(row.backbones, (each) => (row.steps * stepFlops(backbone(each), full, row.batchSize)) / giga),
);
/** Of the others the page gives a profiler's counts, which are no sum of matrix products. */
const forward = adapter(z.strictObject({ models: names }), ({ models }) =>
  named(models, (name) => {
    if (!architectureNames().includes(`ViT-${name.replace("/", "-")}`)) return undefined;
    const { image, text } = backbone(name);
    return [forwardFlops(image) / giga, forwardFlops(text) / giga];
  }),
);

/** Product code of the rows of budget.md. */
export const budgetAdapters: ReadonlyMap<string, Adapter> = new Map([
  ["budget.g1", cells],
  ["budget.g2", adjusted],
  ["budget.g3", closedForm],
  ["budget.g4", fisherShare],
  ["budget.g5", fairFisher],
  ["budget.g6", scaling],
  ["budget.g7", fullSteps],
  ["budget.g8", oracle],
  ["budget.g9", equalSteps],
  ["budget.g10", forward],
]);
