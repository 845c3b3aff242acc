import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { entries } from "../../test/engine/small-models.ts";
import { furthest } from "../../test/engine/toy-merges.ts";
import { memory, resetPeak } from "../engine/memory.ts";
import { add, concat, mulNumber, reshape } from "../engine/ops.ts";
import { release, scope } from "../engine/scope.ts";
import { read, readFloats, type Tensor, tensor } from "../engine/tensor.ts";
import { type ClipConfig, parseModelConfig } from "../models/architecture.ts";
import { type FloatType, storedType } from "../models/float-types.ts";
import { initialiseModel, loadModel } from "../models/load.ts";
import { openModelFolder } from "../models/model-folder.ts";
import { writeShards } from "../models/safetensors-write.ts";
import { modelTensors, saveModel } from "../models/save.ts";
import { createRandom } from "../util/random.ts";
import { checkAlike, mergeCost, mergeFiles } from "./merge-files.ts";
import { mergeWeights } from "./merge-weights.ts";
import { operators } from "./operator.ts";
import { type MergeChoice, resolveMerge, type TowerChoice } from "./settings.ts";

const place = mkdtempSync(join(tmpdir(), "merge files ü "));
afterAll(() => rmSync(place, { recursive: true }));
const at = (name: string): string => join(place, name);

const text = { context_length: 8, vocab_size: 40, width: 32, heads: 1, layers: 2 };
const vit = { embed_dim: 24, vision_cfg: { image_size: 16, layers: 3, width: 32, head_width: 32, patch_size: 8 }, text_cfg: text };
const resnet = { embed_dim: 24, vision_cfg: { image_size: 64, layers: [1, 1, 1, 1], width: 8, head_width: 32 }, text_cfg: text };
const configOf = (cfg: object): ClipConfig => parseModelConfig(cfg, "test");

/** Writes a model of a seed whose counters say `seed` too. */
async function write(name: string, cfg: object, seed: number, more: Partial<Parameters<typeof saveModel>[2]> = {}): Promise<string> {
  const { model, preprocess } = initialiseModel(configOf(cfg), createRandom(seed));
  const buffers = new Map(
    [...model.buffers].map(([key, of]) => [
      key,
      of.dtype === "int64" ? tensor([seed], [], "int64") : tensor(entries(of.size, seed).map(Math.abs), of.shape, "float32"),
    ]),
  );
  await saveModel(at(name), { ...model, buffers }, { preprocess, ...more });
  release(model);
  return at(name);
}

interface Given {
  readonly base?: string;
  readonly models: readonly string[];
  readonly choice: Partial<MergeChoice> & { readonly operator?: TowerChoice["operator"]; readonly each?: TowerChoice };
  readonly type?: FloatType;
}
async function merge(out: string, { base, models, choice: { operator, each, ...choice }, type }: Given) {
  const tower = each ?? { operator: operator ?? { name: "linear" } };
  const settings = await resolveMerge({
    towers: { image: tower, text: tower },
    count: models.length,
    hasBase: base !== undefined,
    ...choice,
  });
  const files = {
    base: base === undefined ? undefined : await openModelFolder(base),
    models: await Promise.all(models.map((model) => openModelFolder(model))),
  };
  return { ...(await mergeFiles(at(out), files, { settings, type: type ?? "float32" })), files, settings };
}
async function stateOf(path: string): Promise<ReadonlyMap<string, number[]>> {
  const { model } = await loadModel(path);
  const state = new Map([...model.weights, ...model.buffers].map(([name, of]) => [name, Array.from(read(of), Number)]));
  release(model);
  return state;
}

let [base, first, second] = ["", "", ""];
beforeAll(async () => {
  base = await write("base.safetensors", vit, 1);
  first = await write("first.safetensors", vit, 2);
  second = await write("second.safetensors", vit, 3);
});

test("files give the bits that the same weights in memory give, for every operator without statistics", async () => {
  const loaded = await Promise.all([base, first, second].map((path) => loadModel(path)));
  const [inBase, ...inModels] = loaded.map(({ model }) => model.weights);
  for (const name of operators.names()) {
    if ((await operators.load(name)).needs) continue;
    const { settings } = await merge("out.safetensors", { base, models: [first, second], choice: { operator: { name }, block: 5000 } });
    const found = await stateOf(at("out.safetensors"));
    scope(() => {
      const { weights } = mergeWeights({ config: configOf(vit), ...(inBase ? { base: inBase } : {}), models: inModels }, settings);
      for (const [tensorName, of] of weights) expect(found.get(tensorName), `${name} ${tensorName}`).toEqual(Array.from(readFloats(of)));
    });
  }
  release(loaded);
});

test("names of transformers, shards and half precision are read as OpenCLIP's whole float32 files are", async () => {
  await write("hf.safetensors", vit, 2, { naming: "transformers" });
  await write("half.safetensors", vit, 3, { dtype: "bfloat16" });
  const { model, preprocess } = await loadModel(second);
  await writeShards(at("shards"), modelTensors(model, "openclip"), { shardBytes: 20_000 });
  writeFileSync(join(at("shards"), "open_clip_config.json"), JSON.stringify({ model_cfg: vit, preprocess_cfg: { size: preprocess.size } }));
  release(model);
  for (const block of [100, 1 << 18]) {
    await merge("whole.safetensors", { models: [first, second], choice: { block } });
    await merge("other.safetensors", { models: [at("hf.safetensors"), at("shards")], choice: { block } });
    expect(await stateOf(at("other.safetensors"))).toEqual(await stateOf(at("whole.safetensors")));
  }
  const { files } = await merge("halved.safetensors", { models: [at("half.safetensors")], choice: {}, type: "bfloat16" });
  expect(readFileSync(at("halved.safetensors"))).toEqual(readFileSync(at("half.safetensors")));
  expect(files.models.map(({ entries: stored }) => storedType(stored.values()))).toEqual(["bfloat16"]);
});

test("logit scale and running statistics are merged linearly, counters come from the newest", async () => {
  const names = await Promise.all([5, 6, 7].map((seed) => write(`r${seed}.safetensors`, resnet, seed)));
  const [from, ...models] = names as [string, string, string];
  const scaled = async (name: string, value: number): Promise<string> => {
    const { model, preprocess } = await loadModel(name);
    await saveModel(
      at(`${value}.safetensors`),
      { ...model, weights: new Map([...model.weights, ["logit_scale", tensor([value], [], "float32")]]) },
      { preprocess },
    );
    release(model);
    return at(`${value}.safetensors`);
  };
  const [low, high] = [await scaled(models[0] ?? "", 1), await scaled(models[1] ?? "", 3)];
  await merge("r.safetensors", { base: from, models: [low, high], choice: { operator: { name: "task-arithmetic", lambda: 5 } } });
  const [found, a, b] = await Promise.all([at("r.safetensors"), low, high].map(stateOf));
  expect(found?.get("logit_scale")).toEqual([2]);
  const mean = (name: string) => (a?.get(name) ?? []).map((value, i) => (value + (b?.get(name)?.[i] ?? 0)) / 2);
  for (const name of ["visual.bn1.running_mean", "visual.bn1.running_var"])
    expect(furthest(found?.get(name) ?? [], mean(name))).toBeLessThan(1e-6);
  expect([found, a, b].map((state) => state?.get("visual.bn1.num_batches_tracked"))).toEqual([[7], [6], [7]]);
  const tooHigh = await scaled(models[1] ?? "", 9);
  await merge("c.safetensors", { models: [tooHigh], choice: {} });
  expect((await stateOf(at("c.safetensors"))).get("logit_scale")).toEqual([Math.fround(Math.log(100))]);
  await merge("u.safetensors", { models: [tooHigh], choice: { clampsLogitScale: false } });
  expect((await stateOf(at("u.safetensors"))).get("logit_scale")).toEqual([9]);
});

test("towers have their own operators, and layers their own weights", async () => {
  const image: TowerChoice = { operator: { name: "latest" } };
  const text: TowerChoice = {
    operator: { name: "linear" },
    weights: {
      each: [
        [{ filter: "transformer.resblocks.0.*", value: 1 }, { value: 0.25 }],
        [{ filter: "transformer.resblocks.0.*", value: 0 }, { value: 0.75 }],
      ],
    },
  };
  await merge("towers.safetensors", { models: [first, second], choice: { towers: { image, text } } });
  const [found, a, b] = await Promise.all([at("towers.safetensors"), first, second].map(stateOf));
  for (const [name, values] of found ?? []) {
    const [one = [], two = []] = [a?.get(name), b?.get(name)];
    const share = name.startsWith("visual.") ? 0 : name.startsWith("transformer.resblocks.0.") ? 1 : 0.25;
    expect(
      furthest(
        values,
        one.map((value, i) => share * value + (1 - share) * (two[i] ?? 0)),
      ),
      name,
    ).toBeLessThan(1e-6);
  }
});

test("tensors take the same bytes at their peak for 200 models as for 20, which are more than are read at once", async () => {
  const small = {
    embed_dim: 8,
    vision_cfg: { image_size: 16, layers: 1, width: 8, head_width: 8, patch_size: 8 },
    text_cfg: { ...text, layers: 1, width: 8 },
  };
  const names = await Promise.all(Array.from({ length: 6 }, (_, i) => write(`m${i}.safetensors`, small, 100 + i)));
  const [from, ...five] = await Promise.all(names.map((name) => openModelFolder(name)));
  const models = Array.from({ length: 40 }, () => five).flat();
  for (const name of ["linear", "ties"]) {
    const peak = async (count: number): Promise<number> => {
      const tower = { operator: { name } };
      const settings = await resolveMerge({ towers: { image: tower, text: tower }, count, hasBase: true, block: 400 });
      resetPeak();
      const { live } = memory();
      await mergeFiles(at("many.safetensors"), { base: from, models: models.slice(0, count) }, { settings, type: "float32" });
      return memory().peak - live;
    };
    const few = await peak(20);
    expect(await peak(200), name).toBe(few);
  }
}, 180_000);

test("the cost is what is read and written, and bounds what is held", async () => {
  for (const name of operators.names()) {
    const { needs } = await operators.load(name);
    if (needs) continue;
    resetPeak();
    const live = memory().live;
    const choice = { operator: { name }, block: 1000 };
    const { files, settings, bytesRead } = await merge("cost.safetensors", { base, models: [first, second], choice });
    const cost = mergeCost(files, settings, "float32");
    expect(memory().peak - live, name).toBeLessThanOrEqual(cost.peakBytes);
    const written = readFileSync(at("cost.safetensors")).length;
    expect(written - cost.bytesWritten).toBeLessThan(20_000);
    expect(written).toBeGreaterThan(cost.bytesWritten);
    // Blocks that are read twice in a row come from memory the second time.
    expect(bytesRead / cost.bytesRead, name).toBeLessThanOrEqual(2);
    expect(bytesRead / cost.bytesRead, name).toBeGreaterThan(0.3);
  }
});

test("growth is the merged length over the mean length of the task vectors, by tower", async () => {
  const { growth } = await merge("g.safetensors", {
    base,
    models: [first, second],
    choice: { operator: { name: "task-arithmetic", lambda: 0.5 }, block: 777 },
  });
  const [from, a, b] = await Promise.all([base, first, second].map(stateOf));
  for (const { tower, merged, models, growth: ratio } of growth) {
    const names = [...(from?.keys() ?? [])].filter((name) => name !== "logit_scale" && name.startsWith("visual.") === (tower === "image"));
    const length = (of: (name: string, i: number) => number): number =>
      Math.sqrt(
        names.reduce((sum, name) => sum + (from?.get(name) ?? []).reduce((all, value, i) => all + (of(name, i) - value) ** 2, 0), 0),
      );
    const value = (state: ReadonlyMap<string, number[]> | undefined, name: string, i: number): number => state?.get(name)?.[i] ?? 0;
    const [one, two] = [length((name, i) => value(a, name, i)), length((name, i) => value(b, name, i))];
    const sum = length((name, i) => value(from, name, i) + 0.5 * (value(a, name, i) + value(b, name, i) - 2 * value(from, name, i)));
    expect(
      furthest([merged / sum, (models[0] ?? 0) / one, (models[1] ?? 0) / two, (ratio ?? 0) / (sum / ((one + two) / 2))], [1, 1, 1, 1]),
    ).toBeLessThan(1e-5);
  }
  expect(growth.map(({ tower }) => tower)).toEqual(["image", "text"]);
});

test("entries that are no numbers end the merge with their tensor's name, and the old file stays", async () => {
  const { model, preprocess } = await loadModel(first);
  const broken = model.weights.get("ln_final.bias") as Tensor;
  const filled = scope(() =>
    add(mulNumber(broken, 0), reshape(concat([tensor([Number.NaN], [1], "float32"), tensor(entries(31), [31], "float32")], 0), [32])),
  );
  await saveModel(at("nan.safetensors"), { ...model, weights: new Map([...model.weights, ["ln_final.bias", filled]]) }, { preprocess });
  release([model, filled]);
  writeFileSync(at("kept.safetensors"), "as it was");
  for (const name of ["linear", "ties", "magmax"])
    await expect(
      merge("kept.safetensors", { base, models: [second, at("nan.safetensors")], choice: { operator: { name } } }),
    ).rejects.toMatchObject({
      code: "EG-7150",
      message: expect.stringContaining('"ln_final.bias"'),
    });
  expect(readFileSync(at("kept.safetensors"), "utf8")).toBe("as it was");
});

test("a result beyond the range of the type that is asked for is not written", async () => {
  const { model, preprocess } = await loadModel(first);
  const large = scope(() => add(mulNumber(model.weights.get("ln_final.bias") as Tensor, 0), tensor([-70_000], [1], "float32")));
  await saveModel(at("large.safetensors"), { ...model, weights: new Map([...model.weights, ["ln_final.bias", large]]) }, { preprocess });
  release([model, large]);
  const given = { models: [at("large.safetensors"), at("large.safetensors")], choice: {} };
  await expect(merge("narrow.safetensors", { ...given, type: "float16" })).rejects.toMatchObject({
    code: "EG-7150",
    exit: "numerics",
    message: '"ln_final.bias" has entries that float16 cannot hold; they would become infinite',
    fix: expect.stringContaining("--dtype bfloat16 or --dtype float32"),
  });
  expect(existsSync(at("narrow.safetensors"))).toBe(false);
  await merge("narrow.safetensors", { ...given, type: "bfloat16" });
});

test("models that are not alike are refused, saying in what", async () => {
  const open = async (name: string, cfg: object) => openModelFolder(await write(name, cfg, 1));
  const [plain, quick, small] = [
    await openModelFolder(base),
    await open("q.safetensors", { ...vit, quick_gelu: true }),
    await open("s.safetensors", resnet),
  ];
  expect(() => checkAlike({ base: plain, models: [plain, quick] }, ["A", "B", "C"])).toThrow(/C differs from A in its activation/);
  expect(() => checkAlike({ base: undefined, models: [plain, small] }, ["A", "B"])).toThrow(/B differs from A in its architecture/);
  expect(() => checkAlike({ base: plain, models: [plain] }, ["A", "B"])).not.toThrow();
});
