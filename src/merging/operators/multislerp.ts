import { z } from "zod";
import type { MergeOperator } from "../operator.ts";
import { type Coefficients, mergeSpherical, planSpherical } from "../spherical.ts";

const options = z.strictObject({});

export default {
  summary: "Weighted mean on the sphere of any number of models, tensor by tensor; slerp for two.",
  source:
    "Fréchet mean by Karcher's iteration (1977, Comm. Pure Appl. Math. 30, 509), in coefficients of the models; carries over to norms as slerp does",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "shares",
  usesBase: false,
  passes: () => 2,
  plan: planSpherical,
  merge: mergeSpherical,
} satisfies MergeOperator<typeof options, Coefficients>;
