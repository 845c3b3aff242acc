import { z } from "zod";
import { add, mulNumber } from "../../engine/ops.ts";
import { entriesOfModel, productsOf } from "../fixed-sum.ts";
import type { MergeOperator } from "../operator.ts";
import { type Coefficients, coefficientsOf, sphericalMean } from "../spherical.ts";

const options = z.strictObject({});

export default {
  summary: "Spherical interpolation of two models, tensor by tensor; linear where they are parallel or one is zero.",
  source: "Shoemake 1985, SIGGRAPH; weight i belongs to model i, where published code reverses it",
  options,
  models: [2, 2],
  weights: "shares",
  usesBase: false,
  passes: () => 2,
  plan: (tower) => coefficientsOf(tower, productsOf(tower, entriesOfModel), sphericalMean),
  merge: (input, _, plan) => {
    const [first = 0, second = 0] = plan.get(input.tensor.name) ?? [];
    return add(mulNumber(input.model(0), first), mulNumber(input.model(1), second));
  },
} satisfies MergeOperator<typeof options, Coefficients>;
