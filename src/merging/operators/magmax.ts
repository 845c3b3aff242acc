import { z } from "zod";
import { abs, greater, where } from "../../engine/elementwise.ts";
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
    let furthest = input.vector(0);
    for (let i = 1; i < input.count; i++) {
      const vector = input.vector(i);
      furthest = where(greater(abs(vector), abs(furthest)), vector, furthest);
    }
    return fromBase(input, furthest, lambda);
  },
} satisfies MergeOperator<typeof options>;
