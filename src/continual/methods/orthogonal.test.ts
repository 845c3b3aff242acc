import { afterAll, expect, test } from "vitest";
import { taskOver } from "../../../test/fixtures/continual/task.ts";
import { tinyBatch, tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { noGrad } from "../../engine/grad.ts";
import { matmul, mul, reshape, slice, sub, sum, transpose } from "../../engine/ops.ts";
import { keep, release, scope } from "../../engine/scope.ts";
import { item, readFloats, type StateTree, type Tensor, tensor, type Weights } from "../../engine/tensor.ts";
import { computeWeights, imageTower, textTower } from "../../models/clip.ts";
import { endPositions } from "../../models/text-transformer.ts";
import { run } from "../../nn/tower.ts";
import { extendedBasis, inputProducts, withoutRows } from "../input-basis.ts";
import type { GradientContext, Method } from "../method.ts";
import definition from "./orthogonal.ts";

type Memory = { readonly bases: Weights };
const methodOf = (options: object = {}): Method => definition.build(definition.options.parse(options));
const model = tinyModel();
afterAll(() => release(model));

const square = (rows: readonly (readonly number[])[]): Tensor => tensor(rows.flat(), [rows.length, rows.length], "float32");
const squared = (of: Tensor): number => item(sum(mul(of, of)));

test("of inputs with the energies 8, 1.5, .5 along the axes a share of .75 takes one direction, .95 two, 1 all", () => {
  scope(() => {
    const products = square([
      [0.5, 0, 0],
      [0, 8, 0],
      [0, 0, 1.5],
    ]);
    const magnitudes = (share: number) => [...readFloats(extendedBasis(undefined, products, share))].map(Math.abs);
    expect(magnitudes(0)).toEqual([]);
    expect(magnitudes(0.75)).toEqual([0, 1, 0]);
    expect(magnitudes(0.95)).toEqual([0, 0, 0, 1, 1, 0]);
    expect(magnitudes(1)).toEqual([1, 0, 0, 0, 0, 1, 0, 1, 0]);
  });
});

test("a known direction counts: only what is missing is added, orthogonal to it", () => {
  scope(() => {
    const basis = tensor([0.6, 0.8, 0], [3, 1], "float32");
    const products = square([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    expect(extendedBasis(basis, products, 0.3).shape).toEqual([3, 1]);
    const full = extendedBasis(basis, products, 1);
    expect(full.shape).toEqual([3, 3]);
    const identity = readFloats(matmul(transpose(full, 0, 1), full));
    for (const [i, value] of identity.entries()) expect(value).toBeCloseTo(i % 4 === 0 ? 1 : 0, 6);
  });
});

/** What goes into each linear layer; it lives until it is released. */
function inputsOf(batch = tinyBatch()): ReadonlyMap<string, readonly Tensor[]> {
  const found = new Map<string, Tensor[]>();
  noGrad(() => {
    const compute = {
      ...computeWeights(model, "fp32"),
      watch: ({ kind, weight, input }: { kind: string; weight: string; input: Tensor }) => {
        if (kind === "linear") found.set(weight, [...(found.get(weight) ?? []), keep(reshape(input, [-1, input.shape.at(-1) ?? 0]))]);
      },
    };
    run(imageTower(compute, batch.pixels));
    run(textTower(compute, batch.texts));
  });
  return found;
}

test("what fills up a packed batch of texts counts for nothing", async () => {
  const products = await inputProducts(taskOver(model, { batches: [tinyBatch] }), 8);
  scope(() => {
    const name = "transformer.resblocks.0.attn.in_proj_weight";
    const inputs = inputsOf();
    const [all] = inputs.get(name) as readonly [Tensor];
    const [rows = 0] = all.shape;
    const batch = tinyBatch();
    const tokens = endPositions(batch.texts).reduce((total, end) => total + end + 1, 0);
    expect(tokens).toBeLessThan(rows);
    const real = slice(all, 0, 0, tokens);
    const expected = matmul(transpose(real, 0, 1), real);
    expect(Math.sqrt(squared(sub(products.get(name) as Tensor, expected)) / squared(expected))).toBeLessThan(1e-6);
    release(inputs);
  });
  release(products);
});

test("an edited gradient changes no layer's output on the first task's inputs by more than the threshold leaves; other gradients stay", async () => {
  const method = methodOf({ threshold: 0.99 });
  const state = (await method.endTask?.(taskOver(model, { batches: [tinyBatch], run: { microBatch: 3 } }), { bases: new Map() })) as Memory;
  scope(() => {
    const inputs = inputsOf();
    expect([...state.bases.keys()].sort()).toEqual([...inputs.keys()].sort());
    const gradients: Weights = new Map([...model.weights]);
    const edited = method.gradients?.(gradients, {} as GradientContext, state) as Weights;
    for (const [name, gradient] of edited) if (!state.bases.has(name)) expect(gradient).toBe(gradients.get(name));
    for (const [name, own] of inputs) {
      const basis = state.bases.get(name) as Tensor;
      const [width = 0, kept = 0] = basis.shape;
      const left = own.reduce((total, x) => total + squared(withoutRows(x, basis)), 0);
      const whole = own.reduce((total, x) => total + squared(x), 0);
      expect(left / whole, name).toBeLessThan(0.0101);
      expect(kept, name).toBeLessThanOrEqual(width);
      // G (I − M Mᵀ) has nothing in the span of M.
      const rows = reshape(edited.get(name) as Tensor, [-1, width]);
      expect(squared(matmul(rows, basis)) / squared(rows), name).toBeLessThan(1e-9);
      expect(squared(sub(edited.get(name) as Tensor, gradients.get(name) as Tensor)), name).toBeGreaterThan(0);
    }
    release(inputs);
  });
  release(state);
});

test("tasks add directions, and never more than a layer is wide", async () => {
  const method = methodOf({ threshold: 0.9 });
  let state: StateTree = { bases: new Map() };
  let before = 0;
  for (const seed of [1, 2, 3]) {
    const task = taskOver(model, { batches: [() => tinyBatch({ seed })] });
    const next = (await method.endTask?.(task, state)) as Memory;
    release(state);
    state = next;
    const sizes = [...next.bases.values()].map(({ shape }) => shape);
    expect(sizes.every(([width = 0, kept = 0]) => kept <= width)).toBe(true);
    const kept = sizes.reduce((total, [, count = 0]) => total + count, 0);
    expect(kept).toBeGreaterThanOrEqual(before);
    before = kept;
  }
  release(state);
});
