import { z } from "zod";
import { groupBy } from "../../util/group-by.ts";
import type { StreamOrdering } from "../stream.ts";

const options = z.strictObject({});

export default {
  summary: "Data set by data set, in an order that the seed gives.",
  source: "arXiv:2408.14471, §3.3, data-set-incremental",
  options,
  order: (concepts, _, { random }) => {
    const sets = [...groupBy(concepts, ({ dataset }) => dataset).values()];
    return [...random.at("stream/dataset").permutation(sets.length)].flatMap((set) => sets[set] ?? []);
  },
} satisfies StreamOrdering<typeof options>;
