import { z } from "zod";
import { permuted } from "../scores.ts";
import type { StreamOrdering } from "../stream.ts";

const options = z.strictObject({
  shuffle: z.boolean().default(false).describe("permute the list once, as the seed says"),
});

export default {
  summary: "The order in which the concepts are given.",
  options,
  keepsGiven: true,
  order: (concepts, { shuffle }, { random }) =>
    shuffle ? permuted(concepts, random.at("stream/shuffle").permutation(concepts.length)) : concepts,
} satisfies StreamOrdering<typeof options>;
