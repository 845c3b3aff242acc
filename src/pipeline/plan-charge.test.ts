import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { writeUnreadRun } from "../../test/fixtures/data/unread-photos.ts";
import { architecture } from "../models/architecture.ts";
import { parameterCounts } from "../models/parameters.ts";
import { readSpec } from "../runs/spec.ts";
import { forwardCost } from "./plan-forward.ts";
import { forecastRun, type RunForecast } from "./plan-run.ts";

// What a budget is charged with: products once each, or all operations.

const { folder, file } = writeUnreadRun(
  12,
  `stream: {from: "folder:./photos?test=0.25", tasks: 3}
data: {mixture: update-only, batch_size: 8}
eval: {suite: none}
`,
);
afterAll(() => rmSync(folder, { recursive: true }));

type Charge = NonNullable<RunForecast["charge"]>;
async function charged(
  charge: "products" | "all",
  budget: string,
  ...set: readonly string[]
): Promise<Charge & { readonly steps: number }> {
  const accounting = `steps_from: metered, charge: ${charge}${budget.includes("MAF") ? ", multipliers: metered" : ""}`;
  const all = [`budget.per_task=${budget}`, `budget.accounting={${accounting}}`, ...set];
  const { spec } = readSpec({ files: [file], set: all, env: {}, cwd: folder, presets: folder });
  const plan = await forecastRun(spec, { folder, env: {}, runs: folder, calibrate: false });
  if (!plan.charge) throw new Error("a budget of FLOPs was not charged");
  return { ...plan.charge, steps: plan.steps };
}
/** Beside the steps, a task on average. */
const beside = ({ total, perStep, steps }: Charge & { readonly steps: number }): number => (total - steps * perStep) / 3;
const entries = parameterCounts(architecture("mini-flux")).total;
const flops = "500 GFLOP";

test("what is computed again is charged with all operations alone: another setting of memory buys no fewer steps", async () => {
  const settings = [[], ["engine.micro_batch=4"], ["engine.activation_checkpointing=true"]];
  const perStep = async (charge: "products" | "all"): Promise<readonly number[]> => {
    const found: number[] = [];
    for (const set of settings) found.push((await charged(charge, flops, ...set)).perStep);
    return found;
  };
  const [plain = 0, inParts, again] = await perStep("products");
  expect([inParts, again]).toEqual([plain, plain]);
  const [all = 0, allInParts = 0, allAgain = 0] = await perStep("all");
  // A third of three passes once more, or nearly: attention's backward pass is more than twice its forward one.
  for (const more of [allInParts, allAgain]) expect((more - all) / plain).toBeGreaterThan(0.25);
  expect(all / plain).toBeGreaterThan(1.005);
}, 60_000);

test("merges are charged by the entries that they read and write, where all operations are", async () => {
  const merging = 'methods=[{name: temporal-merging, start: zs, deploy: all, operator: "ties"}]';
  expect(beside(await charged("products", flops, merging))).toBe(0);
  // Each expert is kept; after the second task 4 · (2 + 1) + 1 passes, after the third 4 · (3 + 1) + 1.
  expect(beside(await charged("all", flops, merging)) / entries).toBeCloseTo((3 + 13 + 17) / 3, 6);
}, 60_000);

test("state in the host's memory is in the multiplier where all is charged", async () => {
  const ewc = (more: string): string => `methods=[{name: ewc, max_samples: 8${more}}]`;
  const multiplier = async (charge: "products" | "all", more: string): Promise<number> =>
    (await charged(charge, "300 GMAF", ewc(more))).multiplier;
  const [held, away] = [await multiplier("products", ""), await multiplier("products", ", offload: true")];
  expect(away).toBeLessThan(held - 0.05);
  expect(await multiplier("all", "")).toBe(held);
  expect(await multiplier("all", ", offload: true")).toBeGreaterThan(away + 0.05);
}, 60_000);

test("embedding costs what the meter finds where all operations are charged, near the closed form of its products", () => {
  const config = architecture("ViT-B-32");
  const [products, all] = [forwardCost(config, "fp32", "products"), forwardCost(config, "fp32", "all")];
  for (const side of ["image", "text"] as const) {
    expect(all[side] / products[side]).toBeGreaterThan(0.9);
    expect(all[side] / products[side]).toBeLessThan(1.05);
  }
});

test("batches at a task's end cost more where all operations are charged", async () => {
  const ewc = "methods=[{name: ewc, max_samples: 16}]";
  const [products, all] = [await charged("products", flops, ewc), await charged("all", flops, ewc)];
  expect(beside(products)).toBeGreaterThan(0);
  expect(beside(all) / beside(products)).toBeGreaterThan(1.01);
}, 60_000);
