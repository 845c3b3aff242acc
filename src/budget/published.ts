import { readFileSync } from "node:fs";
import { z } from "zod";
import { type AdapterForm, full, type LearningSides } from "./step-flops.ts";

/** A method of the published comparison: what it learns, what it needs, what it does beside steps. */
export interface PublishedMethod {
  readonly name: string;
  readonly sides: LearningSides;
  /** Peak memory over full fine-tuning's, to four decimals as printed. */
  readonly multiplier: number;
  /** Batches that the end of a task works through, each at the cost of a step: the Fisher information of EWC. */
  readonly stepsAtTaskEnd: number;
}

const side = z.enum(["all", "none"]);
const schema = z.strictObject({
  source: z.string(),
  reference: z.string(),
  methods: z.record(
    z.string(),
    z.strictObject({
      memory: z.number().positive(),
      /** The table's own multiplier, where it is not what the memory gives. */
      printed: z.number().optional(),
      learns: z.union([
        z.enum(["all", "vectors"]),
        z.strictObject({ image: side, text: side }),
        z.strictObject({ form: z.enum(["lora", "dora", "vera"] satisfies AdapterForm[]), rank: z.int().positive() }),
      ]),
      stepsAtTaskEnd: z.int().positive().optional(),
    }),
  ),
});
type Learns = z.output<typeof schema>["methods"][string]["learns"];

/**
 * The methods of arXiv:2408.14471, table 4, in its order. Its memories are the only numbers taken over: FLOPs come from the closed form. Multipliers are
 * rounded to four decimals before they multiply; with the raw ratio two cells of the table come out differently.
 */
export function publishedMethods(): readonly PublishedMethod[] {
  const { methods, reference } = schema.parse(JSON.parse(readFileSync(new URL("published.json", import.meta.url), "utf8")));
  const whole = methods[reference]?.memory ?? Number.NaN;
  return Object.entries(methods).map(([name, { memory, printed, learns, stepsAtTaskEnd }]) => ({
    name,
    sides: sidesOf(learns),
    multiplier: printed ?? Math.round((memory / whole) * 1e4) / 1e4,
    stepsAtTaskEnd: stepsAtTaskEnd ?? 0,
  }));
}

/** The published method of a name; undefined when the table has no such row. */
export const publishedMethod = (name: string): PublishedMethod | undefined => publishedMethods().find((method) => method.name === name);

function sidesOf(learns: Learns): LearningSides {
  if (learns === "all") return full;
  if (learns === "vectors") return { image: { kind: "vectors" }, text: { kind: "vectors" } };
  if ("form" in learns) return { image: { kind: "adapter", ...learns }, text: { kind: "adapter", ...learns } };
  return { image: { kind: learns.image }, text: { kind: learns.text } };
}
