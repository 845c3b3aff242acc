import { expect, test } from "vitest";
import { storedType } from "./float-types.ts";
import type { Dtype } from "./safetensors.ts";

const of = (...dtypes: readonly Dtype[]) => storedType(dtypes.map((dtype) => ({ dtype })));

test("the one floating-point type beside whatever integers; float32 where there are two or none", () => {
  expect([of("BF16", "I64", "BF16"), of("F16"), of("F32", "BOOL")]).toEqual(["bfloat16", "float16", "float32"]);
  expect([of("BF16", "F16"), of("I64"), of()]).toEqual(["float32", "float32", "float32"]);
});
