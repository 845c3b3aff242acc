import { z } from "zod";
import { equals, largest, where } from "../../engine/elementwise.ts";
import { add, addNumber, div, divNumber, mul, zeros } from "../../engine/ops.ts";
import { scope } from "../../engine/scope.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { fold } from "../fold.ts";
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
        peaks.set(
          input.tensor.name,
          Math.max(
            peaks.get(input.tensor.name) ?? 0,
            scope(() => largest(informationOf(input, i))),
          ),
        );
      return undefined;
    });
    return peaks;
  },
  merge: (input, { epsilon }, peaks) => {
    if (input.count === 1) return input.model(0);
    const floor = epsilon * (peaks.get(input.tensor.name) ?? 0);
    const { plain, weighted, total } = fold(sums(input.size), input.count, (before, i) => {
      const model = input.model(i);
      const information = addNumber(informationOf(input, i), floor);
      return {
        plain: add(before.plain, model),
        weighted: add(before.weighted, mul(information, model)),
        total: add(before.total, information),
      };
    });
    return where(equals(total, 0), divNumber(plain, input.count), div(weighted, total));
  },
} satisfies MergeOperator<typeof options, ReadonlyMap<string, number>>;

const informationOf = (input: MergeInput, i: number): Tensor => input.statistic(i) ?? zeros([input.size]);
const sums = (size: number) => ({ plain: zeros([size]), weighted: zeros([size]), total: zeros([size]) });
