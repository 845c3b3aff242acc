import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { engineInfo, setThreads } from "../../src/engine/facts.ts";
import { type Depth, modifiers, operators } from "../../src/merging/operator.ts";
import type { PlacedTensor } from "../../src/merging/placement.ts";
import type { Component } from "../../src/util/component.ts";
import { entries } from "../engine/small-models.ts";
import { furthest, mergeToys, type Toy, type ToyMerge } from "../engine/toy-merges.ts";
import { judgedParts, shippedParts } from "../fixtures/judged-parts.ts";

const threads = engineInfo().threads;
afterAll(() => {
  setThreads(threads);
});

/** Tensors of every kind; `table` reaches beyond a leaf of the fixed sums. */
function tensorsOf(table: number): Readonly<Record<string, Partial<PlacedTensor>>> {
  return {
    table: { shape: [table], size: table },
    fused: { shape: [12, 5], layers: 3 },
    projection: { shape: [4, 6], layers: 1, isInputFirst: true },
    bias: { shape: [1] },
  };
}
const lengths = (table: number) => ({ table, fused: 60, projection: 24, bias: 1 });

function drawnToy(table: number, seed: number, scale = 1): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(lengths(table)).map(([name, length], i) => [name, entries(length, seed * 31 + i).map((entry) => entry * scale)]),
  );
}
const plus = (base: Record<string, Float32Array>, moved: Record<string, Float32Array>): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(base).map(([name, of]) => [name, of.map((entry, i) => entry + (moved[name]?.[i] ?? 0))]));

/** What an operator needs beside the weights, as training would give it: nothing for tables in `gram`. */
function statisticsOf(needs: string | undefined, table: number, count: number): Pick<ToyMerge, "statistics"> {
  if (needs === undefined) return {};
  const of = (i: number): Toy => {
    const fisher = drawnToy(table, 90 + i);
    if (needs === "fisher") return Object.fromEntries(Object.entries(fisher).map(([name, each]) => [name, each.map((x) => x * x)]));
    return { fused: gram(5, i), projection: gram(4, i + 7) };
  };
  return { statistics: Array.from({ length: count }, (_, i) => of(i)) };
}
/** XᵀX of eight drawn inputs. */
function gram(side: number, seed: number): Float32Array {
  const x = entries(8 * side, 200 + seed);
  return Float32Array.from({ length: side * side }, (_, at) => {
    let sum = 0;
    for (let row = 0; row < 8; row++) sum += (x[row * side + Math.floor(at / side)] as number) * (x[row * side + (at % side)] as number);
    return sum;
  });
}

async function world(name: string, count: number, table = 40): Promise<ToyMerge & { readonly base: Record<string, Float32Array> }> {
  const { needs } = await operators.load(name);
  const base = drawnToy(table, 1);
  return {
    operator: { name },
    base,
    models: Array.from({ length: count }, (_, i) => plus(base, drawnToy(table, i + 2, 0.1))),
    tensors: tensorsOf(table),
    ...statisticsOf(needs, table, count),
  };
}
const bytes = (result: Readonly<Record<string, Float32Array>>): string =>
  Object.entries(result)
    .map(([name, of]) => `${name} ${Buffer.from(of.buffer, of.byteOffset, of.byteLength).toString("base64")}`)
    .join("\n");
const most = async (name: string, wanted: number): Promise<number> => Math.min(wanted, (await operators.load(name)).models[1]);

test("the catalogues hold every file of their folders", () => {
  for (const [kind, folder] of [
    ["operator", "operators"],
    ["modifier", "modifiers"],
  ] as const) {
    const files = readdirSync(fileURLToPath(new URL(`../../src/merging/${folder}/`, import.meta.url)));
    expect(shippedParts(kind)).toHaveLength(files.filter((file) => !file.endsWith(".test.ts")).length);
    expect(
      files
        .filter((file) => file.endsWith(".test.ts"))
        .map((file) => file.replace(".test.ts", ""))
        .sort(),
    ).toEqual(shippedParts(kind));
  }
});

function describes({ summary, source, options }: Component): void {
  expect(summary).toMatch(/\S.*\.$/);
  expect(source).toMatch(/\S/);
  expect(options.safeParse({}).success).toBe(true);
  expect(options.safeParse({ lamda: 1 }).success).toBe(false);
}

describe.each(judgedParts("modifier"))("modifier %s", (name) => {
  test("says what it is, has defaults, refuses unknown options", async () => {
    const part = await modifiers.load(name);
    describes(part);
    expect(part.replacesLambda?.(part.options.parse({})) ?? false).toEqual(expect.any(Boolean));
  });

  test("gives every tensor a finite factor, the same again, in towers of one block and of many", async () => {
    const part = await modifiers.load(name);
    const options = part.options.parse({});
    for (const blocks of [1, 2, 24]) {
      const inside = Array.from({ length: blocks }, (_, block) => ({ block, blocks, side: "inside" as const }));
      const depths: readonly Depth[] = [...(["before", "after"] as const).map((side) => ({ block: undefined, blocks, side })), ...inside];
      const factors = depths.map((depth) => part.factor(depth, options));
      expect(factors.every(Number.isFinite)).toBe(true);
      expect(depths.map((depth) => part.factor(depth, options))).toEqual(factors);
    }
  });
});

describe.each(judgedParts("operator"))("%s", (name) => {
  test.each(["table", "fused", "projection", "bias"])("entries of %s that are no numbers end it with the tensor's name", async (tensor) => {
    const { models, ...toy } = await world(name, await most(name, 2));
    const broken = models.map((model) => {
      const own = model as Record<string, Float32Array>;
      return { ...own, [tensor]: (own[tensor] as Float32Array).map((entry, i) => (i === 0 ? Number.NaN : entry)) };
    });
    await expect(mergeToys({ ...toy, models: broken })).rejects.toMatchObject({
      code: "EG-7150",
      message: expect.stringContaining(`"${tensor}"`),
    });
  });

  test("says what it is, has defaults, refuses unknown options", async () => {
    const part = await operators.load(name);
    describes(part);
    expect(part.passes(part.options.parse({}))).toBeGreaterThanOrEqual(1);
    await expect(mergeToys({ ...(await world(name, await most(name, 2))), operator: { name, lamda: 1 } })).rejects.toMatchObject({
      code: "EG-3150",
      message: expect.stringContaining("lamda"),
    });
  });

  test("changes none of its inputs and gives finite weights of the same shapes", async () => {
    const given = await world(name, await most(name, 3));
    const inputs = () =>
      [given.base, ...given.models, ...(given.statistics ?? [])].map((each) => bytes(each as Record<string, Float32Array>));
    const before = inputs();
    const result = await mergeToys(given);
    expect(inputs()).toEqual(before);
    expect(Object.fromEntries(Object.entries(result).map(([tensor, of]) => [tensor, of.length]))).toEqual(lengths(40));
    expect(Object.values(result).every((of) => of.every(Number.isFinite))).toBe(true);
    expect(bytes(result)).not.toBe(bytes(given.base));
  });

  test("gives the same bits again, and for blocks of 1, 7, 1,500 and 4,096 entries as for whole tensors", async () => {
    const count = await most(name, 3);
    // Beyond 4,096 entries a tensor has more than one leaf of the fixed sums; blocks of 1,500 end inside of leaves.
    for (const [table, sizes] of [
      [40, [1, 7]],
      [4300, [1500, 4096]],
    ] as const) {
      const given = await world(name, count, table);
      const whole = bytes(await mergeToys(given));
      expect(bytes(await mergeToys(given))).toBe(whole);
      for (const block of sizes) expect(bytes(await mergeToys({ ...given, block })), `blocks of ${block}`).toBe(whole);
    }
  });

  test("gives the same bits on one thread and on four", async () => {
    const given = await world(name, await most(name, 2), 70_000);
    setThreads(1);
    const one = bytes(await mergeToys(given));
    setThreads(4);
    expect(bytes(await mergeToys(given))).toBe(one);
  });

  test("models that are the base give the base", async () => {
    const given = await world(name, await most(name, 3));
    const result = await mergeToys({ ...given, models: given.models.map(() => given.base) });
    for (const [tensor, of] of Object.entries(given.base)) expect(furthest(result[tensor] ?? [], of), tensor).toBeLessThan(2e-6);
  });

  test("one model: what needs no base returns it, what needs one gives finite weights, what needs more refuses", async () => {
    const part = await operators.load(name);
    const given = await world(name, 1);
    if (part.models[0] > 1) await expect(mergeToys(given)).rejects.toThrow(/takes .* models, got 1/);
    else if (!part.usesBase) expect(bytes(await mergeToys(given))).toBe(bytes(given.models[0] as Record<string, Float32Array>));
    else expect(Object.values(await mergeToys(given)).every((of) => of.every(Number.isFinite))).toBe(true);
  });

  test("takes as many models as it says, and no more", async () => {
    const { models } = await operators.load(name);
    const [fewest, largest] = models;
    if (largest < 8) await expect(mergeToys(await world(name, largest + 1))).rejects.toMatchObject({ code: "EG-3150" });
    const many = await mergeToys(await world(name, await most(name, 8)));
    expect(Object.values(many).every((of) => of.every(Number.isFinite))).toBe(true);
    expect(fewest).toBeGreaterThanOrEqual(1);
  });
});
