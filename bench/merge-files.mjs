import { closeSync, openSync, readSync } from "node:fs";
import { parseModelConfig } from "../dist/models/architecture.js";
import { modelMetadata } from "../dist/models/model-folder.js";
import { stateTensors } from "../dist/models/parameters.js";
import { clipPreprocess } from "../dist/models/preprocess.js";
import { writeSafetensors } from "../dist/models/safetensors-write.js";
import { openClipConfig } from "./cases.mjs";

/** Entries made at a time. */
const chunk = 1 << 20;

/** Numbers in [-0.5, 0.5), by xorshift: the same for the same seed. @param {number} seed */
function stream(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >> 0) * 2 ** -32;
  };
}

/**
 * A model of noise: the base, or an expert that lies a tenth of its size away.
 * @param {string} path
 * @param {{ arch: string, dtype: string, expert: number }} what expert 0 is the base
 */
export async function writeExpert(path, { arch, dtype, expert }) {
  const config = parseModelConfig(openClipConfig(arch), arch);
  const tensors = stateTensors(config).map(({ name, shape }, index) => ({
    name,
    shape,
    dtype: dtype === "bfloat16" ? "BF16" : "F32",
    *data() {
      const [shared, own] = [stream(2 * index), stream(2 * index + 100_003 * expert + 1)];
      const size = shape.reduce((product, side) => product * side, 1);
      // Ours holds the logit scale within [0, ln 100].
      const offset = name === "logit_scale" ? 2.6 : 0;
      for (let from = 0; from < size; from += chunk) {
        const entries = new Float32Array(Math.min(chunk, size - from));
        for (let i = 0; i < entries.length; i++) entries[i] = offset + 0.1 * shared() + (expert > 0 ? 0.01 * own() : 0);
        yield dtype === "bfloat16" ? halved(entries) : new Uint8Array(entries.buffer);
      }
    },
  }));
  await writeSafetensors(path, tensors, modelMetadata({ config, preprocess: { size: config.vision.imageSize, ...clipPreprocess } }));
}

/** Rounded to bfloat16, halves to even. @param {Float32Array} entries */
function halved(entries) {
  const bits = new Uint32Array(entries.buffer);
  const out = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = (bits[i] + 0x7fff + ((bits[i] >>> 16) & 1)) >>> 16;
  return new Uint8Array(out.buffer);
}

/**
 * How two results differ: the largest distance, and the share of entries that are more than a rounding of the type apart.
 * @param {string} ours
 * @param {string} theirs
 */
export function differenceOf(ours, theirs) {
  const [a, b] = [headerOf(ours), headerOf(theirs)];
  let [worst, apart, total] = [0, 0, 0];
  for (const [name, entry] of a.entries) {
    const other = b.entries.get(name);
    if (!other || other.dtype !== entry.dtype) throw new Error(`${theirs}: ${name} is ${other ? other.dtype : "missing"}`);
    const [mine, its] = [numbersOf(ours, entry, a.start), numbersOf(theirs, other, b.start)];
    const step = entry.dtype === "BF16" ? 2 ** -7 : 1e-6;
    for (let i = 0; i < mine.length; i++) {
      const distance = Math.abs(mine[i] - its[i]);
      worst = Math.max(worst, distance);
      if (distance > step * Math.max(Math.abs(mine[i]), 1e-3)) apart++;
    }
    total += mine.length;
  }
  return { worst, shareApart: apart / total };
}

function headerOf(file) {
  const fd = openSync(file, "r");
  const length = Buffer.alloc(8);
  readSync(fd, length, 0, 8, 0);
  const json = Buffer.alloc(Number(length.readBigUInt64LE()));
  readSync(fd, json, 0, json.length, 8);
  closeSync(fd);
  const { __metadata__: _, ...entries } = JSON.parse(json.toString());
  return { start: 8 + json.length, entries: new Map(Object.entries(entries)) };
}

function numbersOf(file, { dtype, data_offsets: [from, to] }, start) {
  const bytes = new Uint8Array(to - from);
  const fd = openSync(file, "r");
  for (let done = 0; done < bytes.length; ) done += readSync(fd, bytes, done, Math.min(bytes.length - done, 2 ** 30), start + from + done);
  closeSync(fd);
  if (dtype === "F32") return new Float32Array(bytes.buffer);
  const bits = Uint32Array.from(new Uint16Array(bytes.buffer), (half) => half * 65536);
  return new Float32Array(bits.buffer);
}
