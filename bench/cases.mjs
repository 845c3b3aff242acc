import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { release } from "../dist/engine/scope.js";
import { parseModelConfig } from "../dist/models/architecture.js";
import { initialiseModel } from "../dist/models/load.js";
import { writeSafetensors } from "../dist/models/safetensors-write.js";
import { saveModel } from "../dist/models/save.js";
import { tokenize } from "../dist/models/tokenizer.js";
import { createRandom } from "../dist/util/random.js";

const sharp = createRequire(import.meta.url)("sharp");
const words =
  "a photo of the red small old house tree river dog bicycle market street under bright morning light with many people walking past quietly".split(
    " ",
  );

/** OpenCLIP's model_cfg of a preset, or of a file of bench/models. @param {string} arch */
export function openClipConfig(arch) {
  const own = new URL(`./models/${arch}.json`, import.meta.url);
  return JSON.parse(readFileSync(existsSync(own) ? own : new URL(`../src/models/presets/${arch}.json`, import.meta.url), "utf8"));
}

/** Random start weights, as both sides read them. @param {string} arch @param {string} folder */
export async function weightsOf(arch, folder) {
  const path = join(folder, `${arch}.safetensors`);
  const { model, preprocess } = initialiseModel(parseModelConfig(openClipConfig(arch), arch), createRandom(0));
  await saveModel(path, model, { preprocess });
  release([model.weights, model.buffers]);
  return path;
}

/**
 * A batch of noise and captions of 8 to 16 words.
 * @param {{ size: number, batch: number, context: number, vocabulary?: number }} shape
 * @param {string} path
 */
export async function writeBatch({ size, batch, context, vocabulary }, path) {
  const random = createRandom(1);
  const draws = random.at("bench/pixels");
  const pixels = Float32Array.from({ length: batch * 3 * size * size }, () => draws.uniform() * 4 - 2);
  const ids = new Int32Array(batch * context);
  for (let row = 0; row < batch; row++) {
    const pick = random.at("bench/caption", { index: row });
    const text = Array.from({ length: 8 + pick.below(9) }, () => words[pick.below(words.length)]).join(" ");
    ids.set(idsOf(text, { context, vocabulary }), row * context);
  }
  const bytes = (array) => new Uint8Array(array.buffer);
  await writeSafetensors(path, [
    { name: "pixels", dtype: "F32", shape: [batch, 3, size, size], data: bytes(pixels) },
    { name: "ids", dtype: "I32", shape: [batch, context], data: bytes(ids) },
  ]);
  return path;
}

/**
 * Token ids of a text, in a vocabulary of that many where one is given.
 * @param {string} text
 * @param {{ context: number, vocabulary?: number | undefined }} shape
 */
export function idsOf(text, { context, vocabulary }) {
  const tokens = tokenize(text, { contextLength: context });
  return vocabulary === undefined ? tokens : tokens.map((id) => (id >= 49406 ? vocabulary - 49408 + id : id % (vocabulary - 2)));
}

/**
 * Reference texts: distinct ones as a file of lines, and their ids [N, context] beside it.
 * @param {string} path
 * @param {{ count: number, context: number, vocabulary?: number | undefined }} shape
 */
export async function writeReferences(path, { count, ...shape }) {
  const lines = Array.from(
    { length: count },
    (_, i) => `a photo of the ${words[i % words.length]} and ${words[Math.floor(i / words.length) % words.length]} ${i}`,
  );
  const ids = new Int32Array(count * shape.context);
  lines.forEach((line, i) => {
    ids.set(idsOf(line, shape), i * shape.context);
  });
  writeFileSync(`${path}.txt`, `${lines.join("\n")}\n`);
  const data = new Uint8Array(ids.buffer);
  await writeSafetensors(`${path}.safetensors`, [{ name: "ids", dtype: "I32", shape: [count, shape.context], data }]);
  return { texts: `${path}.txt`, ids: `${path}.safetensors` };
}

/** Class prompts. @param {string} path @param {number} count */
export async function writeClasses(path, count) {
  const ids = new Int32Array(count * 77);
  for (let i = 0; i < count; i++) ids.set(tokenize(`a photo of a ${words[i % words.length]} ${i}`), i * 77);
  await writeSafetensors(path, [{ name: "ids", dtype: "I32", shape: [count, 77], data: new Uint8Array(ids.buffer) }]);
  return path;
}

/** JPEG files of 640x480 with detail at every scale, as photographs have. @param {string} folder @param {number} count */
export async function writeJpegs(folder, count) {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const draws = createRandom(2).at("bench/jpeg", { index: i });
    const small = Buffer.from(Uint8Array.from({ length: 80 * 60 * 3 }, () => draws.below(256)));
    const data = await sharp(small, { raw: { width: 80, height: 60, channels: 3 } })
      .resize(640, 480, { kernel: "cubic" })
      .jpeg({ quality: 90 })
      .toBuffer();
    writeFileSync(join(folder, `${String(i).padStart(5, "0")}.jpg`), data);
  }
  return folder;
}
