import { z } from "zod";
import { abs, greater, where } from "../../engine/elementwise.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { joined } from "../fold.ts";
import { fromBase, lambdaOption } from "../lambda.ts";
import type { MergeOperator } from "../operator.ts";

const options = z.strictObject({ lambda: lambdaOption });

export default {
  summary: "Of every entry the task vector that moved it furthest; the older one where two moved it as far.",
  source: "arXiv:2407.06322, eq. 2",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "factors",
  usesBase: true,
  passes: () => 1,
  merge: (input, { lambda }) => {
    const further = (before: Tensor, vector: Tensor): Tensor => where(greater(abs(vector), abs(before)), vector, before);
    return fromBase(
      input,
      joined(input.count, (i) => input.vector(i), further),
      lambda,
    );
  },
} satisfies MergeOperator<typeof options>;
