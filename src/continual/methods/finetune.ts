import { z } from "zod";
import { defineMethod } from "../method.ts";

export default defineMethod({
  summary: "Plain fine-tuning: every task starts where the last one ended, and nothing holds the weights back.",
  source: "arXiv:2408.14471, §4.1",
  options: z.strictObject({}),
  build: () => ({}),
});
