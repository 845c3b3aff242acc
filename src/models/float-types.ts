import type { Dtype, TensorEntry } from "./safetensors.ts";

/** Types that a model's floating-point tensors may be stored in: their names, and what files call them. */
export const floatTypes = { float32: "F32", float16: "F16", bfloat16: "BF16" } as const satisfies Readonly<Record<string, Dtype>>;
export type FloatType = keyof typeof floatTypes;
export const floatTypeNames = Object.keys(floatTypes) as readonly FloatType[];

/** The type that all floating-point tensors share, else float32. */
export function storedType(entries: Iterable<Pick<TensorEntry, "dtype">>): FloatType {
  const stored = new Set(Array.from(entries, ({ dtype }) => dtype));
  const [only = "float32", ...others] = floatTypeNames.filter((name) => stored.has(floatTypes[name]));
  return others.length === 0 ? only : "float32";
}
