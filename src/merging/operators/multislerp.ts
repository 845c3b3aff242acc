import { z } from "zod";
import { mulNumber } from "../../engine/ops.ts";
import { entriesOfModel, productsOf } from "../fixed-sum.ts";
import { sumOf } from "../fold.ts";
import type { MergeOperator } from "../operator.ts";
import { type Coefficients, coefficientsOf, sphericalMean } from "../spherical.ts";

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
  plan: (tower) => coefficientsOf(tower, productsOf(tower, entriesOfModel), sphericalMean),
  merge: (input, _, plan) => sumOf(input.count, (i) => mulNumber(input.model(i), plan.get(input.tensor.name)?.[i] ?? 0)),
} satisfies MergeOperator<typeof options, Coefficients>;
