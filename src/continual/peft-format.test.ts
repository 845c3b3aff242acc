import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { disturb, folded, methodsOf, withAdapters } from "../../test/fixtures/training/adapted.ts";
import { tinyModel } from "../../test/fixtures/training/tiny.ts";
import { copyInto } from "../engine/ops.ts";
import { release } from "../engine/scope.ts";
import { readFloats, type Tensor, type Weights } from "../engine/tensor.ts";
import { parseModelConfig } from "../models/architecture.ts";
import type { Clip } from "../models/clip.ts";
import { readHeader } from "../models/safetensors.ts";
import type { Json } from "../util/json.ts";
import { methods as catalogue } from "./method.ts";
import { readPeft, writePeft } from "./peft-format.ts";

const stored = fileURLToPath(new URL("../../test/vectors/peft/", import.meta.url));
const { config: modelConfig } = JSON.parse(readFileSync(`${stored}cases.json`, "utf8"));
const theirs = parseModelConfig(modelConfig, "cases.json");
let folder: string;
const released: unknown[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "peft-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  release(released.splice(0));
});

type Settings = Readonly<Record<string, Json>>;
const settingsIn = (place: string): Settings => JSON.parse(readFileSync(join(place, "adapter_config.json"), "utf8")) as Settings;
const values = (weights: Weights) => new Map([...weights].map(([name, value]) => [name, readFloats(value)]));

async function disturbed(name: string, options: object): Promise<Clip> {
  const model = withAdapters(tinyModel(), await methodsOf(name, options));
  released.push(model);
  disturb(model, /./);
  return model;
}

describe("written and read", () => {
  test.each([
    ["lora", { r: 3, loraAlpha: 7, rslora: true }],
    ["lora", { r: 2, targetModules: ["k", "out", "fc"], blocks: { image: [1], text: "all" } }],
    ["lora", { r: 2, targetModules: ["v"], blocks: { image: [], text: [0] } }],
    ["dora", { r: 2, targetModules: ["q", "proj"] }],
    ["oft", { block: 8 }],
  ])("%s with %j is itself again", async (name, options) => {
    const model = await disturbed(name, options);
    const weights = model.adapters?.weights as Weights;
    await writePeft(join(folder, "a"), { method: { name, ...options }, weights }, model.config);
    const again = await readPeft(join(folder, "a"), model.config);
    released.push(again.weights);
    expect(values(again.weights)).toEqual(values(weights));
    const { name: method, ...given } = again.method;
    expect(method).toBe(name);
    const { options: schema } = await catalogue.load(name);
    // Whatever PEFT has no word for, as the bound of a start value, is the default again.
    expect(schema.parse(given)).toEqual({
      ...(schema.parse(options) as object),
      ...("loraAlpha" in given ? { loraAlpha: given.loraAlpha } : {}),
    });
    const beside = withAdapters(tinyModel(), await methodsOf(method, given));
    released.push(beside);
    expect(new Set(beside.adapters?.weights.keys())).toEqual(new Set(weights.keys()));
    for (const [own, value] of again.weights) copyInto(beside.adapters?.weights.get(own) as Tensor, value);
    const [one, two] = [folded(model), folded(beside)];
    released.push(one, two);
    expect(values(two.weights)).toEqual(values(one.weights));
  });

  test.each(["lora", "lora-all", "dora", "oft", "vera", "vera-sliced"])(
    "%s as PEFT saved it comes out with PEFT's names, settings and values",
    async (name) => {
      const read = await readPeft(`${stored}${name}`, theirs);
      released.push(read);
      await writePeft(join(folder, "a"), read, theirs);
      const [ours, peft] = await Promise.all(
        [join(folder, "a"), `${stored}${name}`].map((place) => readHeader(join(place, "adapter_model.safetensors"))),
      );
      const shapes = (header: typeof ours) => new Map(header?.entries.map((entry) => [entry.name, entry.shape]));
      expect(shapes(ours)).toEqual(shapes(peft));
      const [told, expected] = [settingsIn(join(folder, "a")), settingsIn(`${stored}${name}`)];
      const differing = Object.keys(told).filter(
        (key) => JSON.stringify([told[key]].flat().sort()) !== JSON.stringify([expected[key]].flat().sort()),
      );
      expect(differing).toEqual([]);
      const again = await readPeft(join(folder, "a"), theirs);
      released.push(again);
      expect(values(again.weights)).toEqual(values(read.weights));
      expect(values(again.common ?? new Map())).toEqual(values(read.common ?? new Map()));
    },
  );

  test("some blocks are named one by one, all of them by module", async () => {
    const some = { r: 1, targetModules: ["q"], blocks: { image: [1], text: [] } };
    await writePeft(
      join(folder, "some"),
      { method: { name: "lora", ...some }, weights: (await disturbed("lora", some)).adapters?.weights as Weights },
      tinyModelConfig(),
    );
    expect(settingsIn(join(folder, "some")).target_modules).toEqual(["vision_model.encoder.layers.1.self_attn.q_proj"]);
    const all = { r: 1, targetModules: ["q", "fc"] };
    await writePeft(
      join(folder, "all"),
      { method: { name: "lora", ...all }, weights: (await disturbed("lora", all)).adapters?.weights as Weights },
      tinyModelConfig(),
    );
    expect(settingsIn(join(folder, "all")).target_modules).toEqual(["q_proj", "fc1"]);
  });
});

describe("refused", () => {
  test("a model that CLIPModel cannot be", async () => {
    const { weights } = (await disturbed("lora", { r: 1 })).adapters ?? { weights: new Map() };
    const stem = parseModelConfig({ ...modelConfig, vision_cfg: { ...modelConfig.vision_cfg, conv_stem: [8] } }, "stem");
    await expect(writePeft(join(folder, "s"), { method: { name: "lora", r: 1 }, weights }, stem)).rejects.toMatchObject({
      message: expect.stringContaining("CLIPModel"),
    });
  });

  const refused = async (change: (settings: Settings) => Settings): Promise<unknown> => {
    cpSync(`${stored}lora`, join(folder, "b"), { recursive: true });
    writeFileSync(join(folder, "b", "adapter_config.json"), JSON.stringify(change(settingsIn(`${stored}lora`))));
    return readPeft(join(folder, "b"), theirs).then(
      () => "read",
      (error: unknown) => error,
    );
  };

  test.each([
    ["bias", "all"],
    ["rank_pattern", { q_proj: 8 }],
    ["alpha_pattern", { q_proj: 8 }],
    ["modules_to_save", ["visual_projection"]],
    ["fan_in_fan_out", true],
    ["save_projection", false],
  ])("settings that adapters of ours cannot hold: %s", async (key, value) => {
    const error = await refused((settings) => ({ ...settings, [key]: value as Json }));
    expect(error).toMatchObject({ code: "EG-4140", exit: "data", message: expect.stringContaining(`${key}: ${JSON.stringify(value)}`) });
  });

  test.each(["pissa", "pissa_niter_4", "olora", "corda", "loftq", "lora_ga"])(
    "adapters whose loading changes the base: %s",
    async (start) => {
      const error = await refused((settings) => ({ ...settings, init_lora_weights: start }));
      expect(error).toMatchObject({
        code: "EG-4140",
        message: expect.stringContaining(`init_lora_weights: "${start}"`),
        fix: expect.stringContaining("path_initial_model_for_weight_conversion"),
      });
    },
  );

  test.each([true, false, "gaussian", "eva", "orthogonal"])("but not start values of A and B alone: %s", async (start) => {
    const read = await refused((settings) => ({ ...settings, init_lora_weights: start }));
    expect(read).toBe("read");
  });

  test("a kind that is no method of ours, a file that is none", async () => {
    expect(await refused((settings) => ({ ...settings, peft_type: "IA3" }))).toMatchObject({ code: "EG-4140" });
    rmSync(join(folder, "b"), { recursive: true });
    cpSync(`${stored}lora`, join(folder, "c"), { recursive: true });
    writeFileSync(join(folder, "c", "adapter_config.json"), "{");
    await expect(readPeft(join(folder, "c"), theirs)).rejects.toMatchObject({ code: "EG-4140" });
  });

  test("a method and an option that PEFT has no word for", async () => {
    await expect(writePeft(join(folder, "v"), { method: { name: "bitfit" }, weights: new Map() }, tinyModelConfig())).rejects.toMatchObject(
      { code: "EG-3109" },
    );
    const oft = await disturbed("oft", { bound: 1 });
    await expect(
      writePeft(join(folder, "o"), { method: { name: "oft", bound: 1 }, weights: oft.adapters?.weights as Weights }, oft.config),
    ).rejects.toMatchObject({ code: "EG-3109" });
  });
});

function tinyModelConfig() {
  const model = tinyModel();
  release(model);
  return model.config;
}
