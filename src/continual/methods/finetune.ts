import { z } from "zod";
import { defineMethod } from "../method.ts";

export default defineMethod({
  summary: "Plain fine-tuning: every task starts where the last one ended, and nothing holds the weights back.",
  source: "arXiv:2408.14471, §4.1",
  when: "As the yardstick of all others, or where the mixture's replay is enough.",
  cost: "A step is the unit that others are told in: a forward and a backward pass, and the optimizer's moments.",
  options: z.strictObject({}),
  build: () => ({}),
});
