import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseModelConfig } from "../../src/models/architecture.ts";
import { initialiseModel } from "../../src/models/load.ts";
import { readBytes, readHeader } from "../../src/models/safetensors.ts";
import { writeSafetensors } from "../../src/models/safetensors-write.ts";
import { saveModel } from "../../src/models/save.ts";
import { createRandom } from "../../src/util/random.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const place = mkdtempSync(join(tmpdir(), "model command ü "));
const model = join(place, "small.safetensors");

interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly told: string;
}
function evergreen(...args: readonly string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8", cwd: place });
  return { status, out: stdout, told: stderr };
}
const json = (...args: readonly string[]): ReturnType<typeof JSON.parse> => {
  const { status, out, told } = evergreen(...args, "--json");
  if (status !== 0) throw new Error(`${args.join(" ")}: ${status}: ${told}${out}`);
  return JSON.parse(out);
};
const digest = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

beforeAll(async () => {
  const config = parseModelConfig(
    {
      embed_dim: 16,
      vision_cfg: { image_size: 32, layers: 1, width: 64, head_width: 32, patch_size: 16 },
      text_cfg: { width: 32, heads: 1, layers: 1, vocab_size: 49408 },
    },
    "test",
  );
  const { model: made, preprocess } = initialiseModel(config, createRandom(3));
  await saveModel(model, made, { preprocess });
  for (const [name, level] of [
    ["dark.png", 20],
    ["light.jpg", 220],
  ] as const)
    await sharp(Buffer.alloc(40 * 50 * 3, level), { raw: { width: 40, height: 50, channels: 3 } }).toFile(join(place, name));
});
afterAll(() => rmSync(place, { recursive: true }));

test("tokenize prints 77 ids a text, those of a list after those of the arguments", () => {
  writeFileSync(join(place, "texts.jsonl"), '"a cat"\n""\n');
  const { ids } = json("model", "tokenize", "a dog", "--from", "texts.jsonl") as { ids: number[][] };
  expect(ids.map((row) => [row.length, row.slice(0, 5)])).toEqual([
    [77, [49406, 320, 1929, 49407, 0]],
    [77, [49406, 320, 2368, 49407, 0]],
    [77, [49406, 49407, 0, 0, 0]],
  ]);
  expect(evergreen("model", "tokenize", "a cat").out).toBe("49406 320 2368 49407\n");
});

test("encode gives unit rows in the order given, equal in JSON, safetensors and npy", async () => {
  writeFileSync(join(place, "list.jsonl"), '{"text": "one"}\n{"image": "dark.png"}\n{"text": "two"}\n');
  const got = json("model", "encode", "--model", model, "--image", "light.jpg", "dark.png", "--text", "two", "--from", "list.jsonl") as {
    image: number[][];
    text: number[][];
  };
  expect([got.image.length, got.text.length]).toEqual([3, 3]);
  for (const row of [...got.image, ...got.text]) {
    expect(Math.abs(Math.hypot(...row) - 1)).toBeLessThan(1e-6);
    expect(row.every((value) => value === Math.fround(value))).toBe(true);
  }
  expect(got.image[1]).toEqual(got.image[2]);
  expect(got.image[0]).not.toEqual(got.image[1]);
  expect(got.text[0]).toEqual(got.text[2]);
  const same = ["--image", "light.jpg", "dark.png", "dark.png", "--text", "two", "one", "two"];
  expect(evergreen("model", "encode", "--model", model, ...same, "--out", "rows.safetensors").status).toBe(0);
  const { entries } = await readHeader(join(place, "rows.safetensors"));
  for (const entry of entries) {
    const bytes = await readBytes(entry);
    expect(Array.from(new Float32Array(bytes.buffer, bytes.byteOffset, 48))).toEqual(got[entry.name as "image" | "text"].flat());
  }
  expect(evergreen("model", "encode", "--model", model, ...same, "--out", "rows.npy").told).toBe(
    "wrote rows.image.npy and rows.text.npy\n",
  );
  const npy = readFileSync(join(place, "rows.text.npy"));
  expect(Array.from({ length: 48 }, (_, i) => npy.readFloatLE(npy.length - 192 + 4 * i))).toEqual(got.text.flat());
});

test("bf16 embeddings stay near those of fp32", () => {
  const rows = (precision: string): number[] =>
    (json("model", "encode", "--model", model, "--text", "a cat", "--precision", precision) as { text: number[][] }).text.flat();
  const [exact, short] = [rows("fp32"), rows("bf16")];
  const cosine = exact.reduce((sum, value, i) => sum + value * (short[i] ?? 0), 0);
  expect(cosine).toBeGreaterThan(0.999);
  expect(short).not.toEqual(exact);
});

test("a model goes to transformers' folder form and back without a changed bit", () => {
  expect(evergreen("model", "convert", model, "hf", "--to", "transformers").status).toBe(0);
  expect(readdirSync(join(place, "hf")).sort()).toEqual(["config.json", "model.safetensors", "preprocessor_config.json"]);
  expect(evergreen("model", "convert", "hf", "back.safetensors").status).toBe(0);
  expect(digest(join(place, "back.safetensors"))).toBe(digest(model));
  expect(evergreen("model", "convert", "hf", "oc", "--dtype", "float16").status).toBe(0);
  expect(readdirSync(join(place, "oc")).sort()).toEqual(["open_clip_config.json", "open_clip_model.safetensors"]);
  const refused = evergreen("model", "convert", "hf", "oc", "--to", "transformers");
  expect([refused.status, refused.told]).toEqual([9, expect.stringContaining("holds open_clip_")]);
});

test("info says what a model is, whichever form it has", () => {
  const info = json("model", "info", model);
  expect(info).toMatchObject({
    arch: null,
    activation: "gelu",
    naming: "openclip",
    dtypes: { F32: info.files[0] && 2 * 12 + 14 },
    preprocess: { size: 32, interpolation: "bicubic" },
    files: [{ path: model, sha256: digest(model) }],
  });
  expect(info.parameters.vision + info.parameters.text + 1).toBe(info.parameters.total);
  expect(info.logitScale).toBeCloseTo(1 / 0.07, 5);
  evergreen("model", "convert", model, "half", "--to", "transformers", "--dtype", "bfloat16");
  expect(json("model", "info", "half")).toMatchObject({ naming: "transformers", parameters: info.parameters, dtypes: { BF16: 46 } });
});

test("weights that do not fit are refused with the names of the tensors, a pickle with the lines that convert it", async () => {
  const { entries, metadata } = await readHeader(model);
  const tensors = entries.filter(({ name }) => name !== "ln_final.bias").map((entry) => ({ ...entry, data: () => readBytes(entry) }));
  await writeSafetensors(
    join(place, "lacking.safetensors"),
    [...tensors, { name: "head", dtype: "F32", shape: [1], data: new Uint8Array(4) }],
    metadata,
  );
  for (const command of ["info", "encode"]) {
    const { status, told } =
      command === "info"
        ? evergreen("model", "info", "lacking.safetensors")
        : evergreen("model", "encode", "-m", "lacking.safetensors", "--text", "x");
    expect(status).toBe(4);
    expect(told).toMatch(/1 missing: ln_final\.bias\n {2}1 extra: head/);
  }
  writeFileSync(join(place, "model.pt"), Buffer.from("\x80\x02}q\x00.", "latin1"));
  const pickle = evergreen("model", "convert", "model.pt", "x.safetensors");
  expect(pickle.status).toBe(4);
  expect(pickle.told).toMatch(/import torch[\s\S]*save_file/);
});

test("what cannot be done is said in one line with its exit code", () => {
  writeFileSync(join(place, "broken.jpg"), "no picture");
  writeFileSync(join(place, "wrong.jsonl"), '{"text": "x"}\n{"txt": "y"}\n');
  mkdirSync(join(place, "empty"), { recursive: true });
  const cases: readonly (readonly [number, RegExp, ...string[]])[] = [
    [2, /nothing to embed/, "model", "encode", "-m", model],
    [2, /no model/, "model", "encode", "--text", "x"],
    [2, /batch-size 0/, "model", "encode", "-m", model, "--text", "x", "--batch-size", "0"],
    [2, /did you mean: evergreen model encode/, "model", "encod"],
    [2, /no run/i, "model", "info", "nobody"],
    [4, /no such file/, "model", "info", "nothing.safetensors"],
    [4, /holds no weights/, "model", "info", "empty"],
    [4, /broken\.jpg/, "model", "encode", "-m", model, "--image", "broken.jpg"],
    [4, /missing\.png/, "model", "encode", "-m", model, "--image", "missing.png"],
    [4, /wrong\.jsonl:2/, "model", "encode", "-m", model, "--from", "wrong.jsonl"],
    [5, /cannot be written/, "model", "encode", "-m", model, "--text", "x", "--out", "none/rows.npy"],
  ];
  for (const [exit, words, ...args] of cases) {
    const { status, told } = evergreen(...args);
    expect([args.join(" "), status, told]).toEqual([args.join(" "), exit, expect.stringMatching(words)]);
    expect(told).not.toMatch(/internal|at file:/);
  }
});
