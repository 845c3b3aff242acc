import { z } from "zod";
import { equals, where } from "../../engine/elementwise.ts";
import { tensor } from "../../engine/tensor.ts";
import { chosenModels } from "../entry-draws.ts";
import { joined } from "../fold.ts";
import { fromBase, lambdaOption } from "../lambda.ts";
import type { MergeOperator } from "../operator.ts";

const options = z.strictObject({ lambda: lambdaOption });

export default {
  summary: "Of every entry the task vector of a model drawn by lot: a floor for the operators that choose.",
  source: "The random control of arXiv:2412.06712; draws of purpose merge/random, one an entry",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "factors",
  usesBase: true,
  passes: () => 1,
  merge: (input, { lambda }) => {
    const chosen = tensor(new Int32Array(chosenModels(input)), [input.size], "int32");
    const vector = joined(
      input.count,
      (i) => input.vector(i),
      (before, next, i) => where(equals(chosen, i), next, before),
    );
    return fromBase(input, vector, lambda);
  },
} satisfies MergeOperator<typeof options>;
