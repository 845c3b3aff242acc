import { z } from "zod";
import { permuted } from "../scores.ts";
import type { StreamOrdering } from "../stream.ts";

const options = z.strictObject({});

export default {
  summary: "Every concept anywhere, as the seed says.",
  source: "arXiv:2408.14471, §3.3, random",
  options,
  order: (concepts, _, { random }) => permuted(concepts, random.at("stream/random").permutation(concepts.length)),
} satisfies StreamOrdering<typeof options>;
