import { z } from "zod";
import { equals, largest, where } from "../../engine/elementwise.ts";
import { add, addNumber, div, divNumber, full, mul } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { sumOf } from "../lambda.ts";
import type { MergeInput, MergeOperator } from "../operator.ts";

const options = z.strictObject({
  epsilon: z.number().positive().default(1e-8).describe("added to Fisher, times the tensor's largest entry"),
});

export default {
  summary: "Mean of the models, each entry weighted by its diagonal Fisher information; their plain mean where none has any.",
  source: "arXiv:2111.09832, eq. 4",
  options,
  models: [1, Number.POSITIVE_INFINITY],
  weights: "none",
  usesBase: false,
  needs: "fisher",
  passes: () => 2,
  plan: (tower) => {
    const peaks = new Map<string, number>();
    tower.visit((input) => {
      for (let i = 0; i < input.count; i++)
        peaks.set(input.tensor.name, Math.max(peaks.get(input.tensor.name) ?? 0, largest(informationOf(input, i))));
      return undefined;
    });
    return peaks;
  },
  merge: (input, { epsilon }, peaks) => {
    if (input.count === 1) return input.model(0);
    const floor = epsilon * (peaks.get(input.tensor.name) ?? 0);
    let weighted: Tensor | undefined;
    let total: Tensor | undefined;
    for (let i = 0; i < input.count; i++) {
      const information = addNumber(informationOf(input, i), floor);
      const part = mul(information, input.model(i));
      weighted = weighted ? add(weighted, part) : part;
      total = total ? add(total, information) : information;
    }
    const mean = divNumber(
      sumOf(input.count, (i) => input.model(i)),
      input.count,
    );
    return total && weighted ? where(equals(total, 0), mean, div(weighted, total)) : mean;
  },
} satisfies MergeOperator<typeof options, ReadonlyMap<string, number>>;

const informationOf = (input: MergeInput, i: number): Tensor => input.statistic(i) ?? full([input.size], 0);
