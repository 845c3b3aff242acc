import { z } from "zod";
import { atLeast } from "../../engine/elementwise.ts";
import { mul, to } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import { readFloats } from "../../engine/tensor.ts";
import { votesOf } from "../consensus.ts";
import { sumOfVectors } from "../fold.ts";
import { fromBase, lambdaOption } from "../lambda.ts";
import type { MergeOperator, Tower } from "../operator.ts";

const options = z.strictObject({
  lambda: lambdaOption,
  threshold: z.number().min(0).default(0.4).describe("how much an entry must exceed the others' sum to matter to its model"),
  agree: z.int().min(0).optional().describe("models that an entry must matter to; 0 keeps all; default 2, or as many as moved"),
});

export default {
  summary: "The sum of the task vectors, without the entries that matter to too few models (consensus merging).",
  source: "arXiv:2405.07813, eq. 5 and 6",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "factors",
  usesBase: true,
  passes: () => 1,
  plan: (tower, { agree }) => agree ?? Math.min(2, movedModels(tower)),
  merge: (input, { lambda, threshold }, agree) => {
    const total = sumOfVectors(input);
    if (agree === 0) return fromBase(input, total, lambda);
    const votes = votesOf(input, total, threshold);
    return fromBase(input, mul(total, to(atLeast(votes, agree), "float32")), lambda);
  },
} satisfies MergeOperator<typeof options, number>;

/** Models that differ from the base; the files are read no further than it takes to see that two do. */
function movedModels(tower: Tower): number {
  const moved = new Set<number>();
  tower.visit((input) => {
    for (let i = 0; i < input.count && moved.size < 2; i++)
      if (!moved.has(i) && scope(() => readFloats(input.vector(i))).some((entry) => entry !== 0)) moved.add(i);
    return moved.size < Math.min(2, tower.count) ? undefined : false;
  });
  return moved.size;
}
