import { createHash } from "node:crypto";
import { type Tensor, tensor } from "../../src/engine/tensor.ts";
import { type ClipConfig, parseModelConfig } from "../../src/models/architecture.ts";
import type { Clip } from "../../src/models/clip.ts";
import { stateTensors } from "../../src/models/parameters.ts";

// The twin of scripts/vectors/common/filled.py, which says what the recipe is: both give the same bits.

const logitScale = Math.fround(2.6592600369327779); // ln(1 / 0.07)
const sketches = 8;

function seed(name: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) value = Math.imul(value ^ byte, 0x01000193);
  return value;
}

function mix(x: number): number {
  let y = x ^ (x >>> 16);
  y = Math.imul(y, 0x7feb352d);
  y ^= y >>> 15;
  y = Math.imul(y, 0x846ca68b);
  return y ^ (y >>> 16);
}

function product(shape: readonly number[]): number {
  return shape.reduce((size, length) => size * length, 1);
}

interface Spread {
  readonly amplitude: number;
  readonly offset: number;
}

/** Values uniform in (offset − amplitude, offset + amplitude), row by row. */
export function uniform(name: string, size: number, { amplitude, offset }: Spread): Float32Array {
  const out = new Float32Array(size);
  const scale = Math.fround(amplitude / 2 ** 24);
  const start = seed(name);
  for (let i = 0; i < size; i++) {
    const signed = (mix(mix(i) ^ start) >>> 8) * 2 + 1 - 2 ** 24;
    out[i] = offset + Math.fround(signed * scale);
  }
  return out;
}

function spread(name: string, shape: readonly number[]): Spread {
  const [first = 1, second = 1, height = 1, width = 1] = shape;
  const around = (offset: number, amplitude: number): Spread => ({ offset, amplitude });
  if (name.endsWith("running_mean")) return around(0, 0.1);
  if (name.endsWith("running_var")) return around(1, 0.5);
  if (name.endsWith("bias")) return around(0, 0.05);
  if (name === "visual.class_embedding") return around(0, Math.sqrt(3 / first));
  if (shape.length === 1) return name.endsWith("bn3.weight") ? around(0.25, 0.05) : around(1, 0.2);
  if (name === "token_embedding.weight") return around(0, 0.04);
  if (name === "positional_embedding") return around(0, 0.02);
  if (name === "visual.proj" || name === "text_projection") return around(0, Math.sqrt(3 / first));
  if (shape.length === 4) return around(0, Math.sqrt(6 / (second * height * width)));
  const gain = name.endsWith("out_proj.weight") || name.endsWith("mlp.c_proj.weight") ? 0.25 : 1;
  return around(0, gain * Math.sqrt(3 / second));
}

/** Entries of the parameter or buffer `name` (OpenCLIP's name), row by row. */
export function filled(name: string, shape: readonly number[]): Float32Array {
  if (name === "logit_scale") return Float32Array.of(logitScale);
  if (name === "logit_bias") return Float32Array.of(-10);
  if (name.endsWith("num_batches_tracked")) return Float32Array.of(0);
  return uniform(name, product(shape), spread(name, shape));
}

/** Normalised image batch [B, 3, S, S], row by row: a 4 × 4 grid of colours and noise. */
export function pixels(name: string, shape: readonly number[]): Float32Array {
  const [batch = 0, channels = 0, side = 0] = shape;
  const out = uniform(`pixels/${name}/noise`, product(shape), { amplitude: 1, offset: 0 });
  const cells = uniform(`pixels/${name}/cells`, batch * channels * 16, { amplitude: 1.5, offset: 0 });
  const cell = side / 4;
  for (let plane = 0; plane < batch * channels; plane++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const at = (plane * side + y) * side + x;
        out[at] = (out[at] ?? 0) + (cells[plane * 16 + Math.floor(y / cell) * 4 + Math.floor(x / cell)] ?? 0);
      }
  return out;
}

/** Eight signed sums of the entries of a difference: the mean square of two sketches' differences estimates the squared distance. */
export function sketch(name: string, difference: Float64Array): number[] {
  const sums = new Float64Array(sketches);
  const start = seed(`sketch/${name}`);
  for (let i = 0; i < difference.length; i++) {
    const bits = mix(mix(i) ^ start);
    const value = difference[i] as number;
    // A product, not a choice: no processor foresees the signs.
    for (let k = 0; k < sketches; k++) sums[k] = (sums[k] as number) + value * (1 - 2 * ((bits >>> k) & 1));
  }
  return Array.from(sums);
}

/** A filled model of an OpenCLIP `model_cfg`, with single scalars replaced. Its tensors live in the current scope. */
export function filledModel(modelConfig: unknown, replaced: Readonly<Record<string, number>> = {}): Clip {
  const config: ClipConfig = parseModelConfig(modelConfig, "vectors");
  const weights = new Map<string, Tensor>();
  const buffers = new Map<string, Tensor>();
  for (const { name, shape, kind } of stateTensors(config)) {
    const value = replaced[name];
    const entries = value === undefined ? filled(name, shape) : Float32Array.of(value);
    if (kind === "parameter") weights.set(name, tensor(entries, shape, "float32"));
    else if (name.endsWith("num_batches_tracked")) buffers.set(name, tensor([0], [], "int64"));
    else buffers.set(name, tensor(entries, shape, "float32"));
  }
  return { config, weights, buffers };
}

/** SHA-256 of all filled values in the order given, as the Python twin hashes them. */
export function filledDigest(shapes: readonly (readonly [string, readonly number[]])[]): string {
  const sha = createHash("sha256");
  for (const [name, shape] of shapes)
    sha.update(name.endsWith("num_batches_tracked") ? new Uint8Array(8) : new Uint8Array(filled(name, shape).buffer));
  return sha.digest("hex");
}
