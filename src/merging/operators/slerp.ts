import { z } from "zod";
import type { MergeOperator } from "../operator.ts";
import { type Coefficients, mergeSpherical, planSpherical } from "../spherical.ts";

const options = z.strictObject({});

export default {
  summary: "Spherical interpolation of two models, tensor by tensor; linear where they are parallel or one is zero.",
  source: "Shoemake 1985, SIGGRAPH; weight i belongs to model i, where published code reverses it",
  options,
  models: [2, 2],
  weights: "shares",
  usesBase: false,
  passes: () => 2,
  plan: planSpherical,
  merge: mergeSpherical,
} satisfies MergeOperator<typeof options, Coefficients>;
