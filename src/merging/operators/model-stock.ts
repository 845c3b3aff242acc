import { z } from "zod";
import { add, mulNumber } from "../../engine/ops.ts";
import { normOf } from "../angle.ts";
import { meanModel } from "../fold.ts";
import { MergeError, type MergeOperator, type Tower } from "../operator.ts";
import { allVectors, type Products, productsOf } from "../products.ts";
import { stockRatio } from "../stock-ratio.ts";

const options = z.strictObject({});

export default {
  summary: "The models' mean, drawn towards the base the more their task vectors differ in direction, tensor by tensor.",
  source: "arXiv:2403.19522, eq. 4 and 5, with the ratio held within [0, 1]",
  options,
  models: [2, Number.POSITIVE_INFINITY],
  weights: "none",
  usesBase: true,
  passes: () => 2,
  plan: (tower) => {
    const products = productsOf(tower, allVectors);
    refuseBase(tower, products);
    return new Map([...products].map(([name, of]) => [name, stockRatio(of).ratio]));
  },
  merge: (input, _, ratios) => {
    const ratio = ratios.get(input.tensor.name) ?? 1;
    const mean = meanModel(input);
    return ratio === 1 ? mean : add(mulNumber(mean, ratio), mulNumber(input.base(), 1 - ratio));
  },
} satisfies MergeOperator<typeof options, ReadonlyMap<string, number>>;

/** With the base among the models every cosine is 0, and the result the base for ever. */
function refuseBase(tower: Tower, products: ReadonlyMap<string, Products>): void {
  const isBase = Array.from({ length: tower.count }, (_, i) => [...products.values()].every((of) => normOf(of, i) === 0));
  const at = isBase.indexOf(true);
  if (at >= 0 && isBase.includes(false))
    throw new MergeError(
      `model-stock: model ${at + 1} of ${tower.count} is the base itself in this tower; expected models that were trained`,
      "leave it out, or let a chain of merges begin with its first expert",
    );
}
