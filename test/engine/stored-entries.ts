import { to } from "../../src/engine/ops.ts";
import { type DType, readFloats, type Tensor, tensor } from "../../src/engine/tensor.ts";

/** Entries of all magnitudes, with zeros of both signs, in a type that files have. */
export function drawnEntries(size: number, seed: number, dtype: DType): Tensor {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const entries = Float32Array.from({ length: size }, () =>
    next() < 0.1 ? (next() < 0.5 ? 0 : -0) : (next() - 0.5) * 2 ** (8 * next() - 4),
  );
  return to(tensor(entries, [size], "float32"), dtype);
}
/** The bits of float32 entries. */
export const bitsOf = (value: Tensor): readonly number[] => Array.from(new Int32Array(readFloats(value).buffer));

/** Types that files store entries in. */
export const storedTypes = ["float32", "float16", "bfloat16"] as const;
