import { afterEach, expect, test } from "vitest";
import { changeAtStart, foldErrors, methodsOf, movedByTenSteps, withAdapters } from "../../../test/fixtures/training/adapted.ts";
import { openWorld, runUntil, type World } from "../../../test/fixtures/training/stage.ts";
import { tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { memory } from "../../engine/memory.ts";
import { release } from "../../engine/scope.ts";
import { readFloats, type Tensor } from "../../engine/tensor.ts";
import type { Clip } from "../../models/clip.ts";
import { createRandom, philoxKey } from "../../util/random.ts";
import type { TaskContext } from "../method.ts";
import vera from "./vera.ts";

const all = ["q", "k", "v", "out", "fc", "proj"];
const released: unknown[] = [];
afterEach(() => release(released.splice(0)));
const adapted = async (options: object, at: { readonly task?: number; readonly seed?: number } = {}): Promise<Clip> => {
  const model = withAdapters(tinyModel(), await methodsOf("vera", options), at);
  released.push(model);
  return model;
};
/** The shared matrices as texts of their entries, with their shapes. */
const shared = ({ adapters }: Clip): readonly string[] => (adapters?.shared ?? []).map((each) => `${each.shape} ${readFloats(each)}`);

test.each([["paper"], ["published"]])("fresh adapters change nothing (%s)", async (init) => {
  expect(await changeAtStart("vera", { init, targetModules: all })).toBeLessThan(1e-6);
});

test.each([
  ["paper", 0.1, 0],
  ["published", 0, 0.1],
])("the vectors of %s start at d %f and b %f", async (init, d, b) => {
  const { adapters } = await adapted({ init });
  for (const [name, weight] of adapters?.weights ?? [])
    expect([name, new Set(readFloats(weight))]).toEqual([name, new Set([Math.fround(name.endsWith("_d") ? d : b)])]);
});

test.each([[all], [["q", "k", "v", "proj"]], [["k", "v"]]])(
  "folded, adapters of %j give what they gave beside the weights",
  async (targetModules) => {
    const { error, change } = await foldErrors("vera", { targetModules, r: 3, loraAlpha: 5 }, /vera_lambda/);
    expect(error).toBeLessThan(1e-6);
    expect(change).toBeGreaterThan(1e-3);
  },
);

test("one pair of matrices for each size and tower, whatever stands beside", async () => {
  const few = await adapted({ targetModules: ["v"] });
  expect(few.adapters?.shared?.map(({ shape }) => shape)).toEqual([
    [16, 32],
    [32, 16],
    [16, 32],
    [32, 16],
  ]);
  const many = await adapted({ targetModules: all });
  // d × d of q, k, v and out; d × 4d of fc; 4d × d of proj: three sizes in each of two towers.
  expect(many.adapters?.shared).toHaveLength(12);
  for (const one of shared(few)) expect(shared(many)).toContain(one);
  expect(new Set(shared(many)).size).toBe(12);
});

test("the matrices follow from the seed alone, the same in every task", async () => {
  const [first, again, later, other] = await Promise.all([adapted({}), adapted({}), adapted({}, { task: 4 }), adapted({}, { seed: 4 })]);
  expect(shared(again)).toEqual(shared(first));
  expect(shared(later)).toEqual(shared(first));
  for (const one of shared(other)) expect(shared(first)).not.toContain(one);
});

test("A and B fill ±√(6/fan-in)", async () => {
  const { adapters } = await adapted({ r: 24, targetModules: ["fc"], blocks: { text: [] } });
  const [a, b] = (adapters?.shared ?? []) as readonly [Tensor, Tensor];
  for (const [matrix, fan] of [
    [a, 32],
    [b, 24],
  ] as const) {
    const most = readFloats(matrix).reduce((x, y) => Math.max(x, Math.abs(y)), 0);
    expect(most).toBeLessThanOrEqual(Math.sqrt(6 / fan));
    expect(most).toBeGreaterThan(0.99 * Math.sqrt(6 / fan));
  }
});

test("ten steps move every vector and nothing else; the matrices are freed with the adapters", async () => {
  const before = memory().tensors;
  const { moved, adapters } = await movedByTenSteps("vera", { init: "paper" });
  expect(moved).toEqual(adapters);
  expect(memory().tensors).toBe(before);
});

test("a checkpoint holds the vectors and the key of the matrices, not the matrices", async () => {
  const world: World = await openWorld();
  try {
    const saved = await runUntil(world, 2, { methods: await methodsOf("vera") });
    const key = philoxKey(3, "init/adapter")
      .map((word) => word.toString(16).padStart(8, "0"))
      .join("");
    expect(saved.position.methods).toEqual([{ key }]);
  } finally {
    await world.close();
  }
});

test("another seed's key is refused", () => {
  const method = vera.build(vera.options.parse({}));
  const context = { run: { random: createRandom(4) } } as unknown as TaskContext;
  expect(() => method.startTask?.(context, { key: "0011223344556677" })).toThrowError(
    expect.objectContaining({ code: "EG-3108", exit: "config" }),
  );
  const own = method.init?.(context) as { key: string };
  expect(method.startTask?.(context, own)).toBe(own);
});
