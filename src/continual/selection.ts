import { z } from "zod";
import { globPattern } from "../util/glob.ts";
import type { MethodBudget } from "./method.ts";

/** Options of methods that train a part of the model's own parameters. */
export const selectionOptions = {
  select: z
    .array(z.string().min(1))
    .optional()
    .describe('patterns of parameter names, as ["visual.*", "*.resblocks.11.*"]: of what the method trains, only these'),
  tuneLogitScale: z.boolean().default(false).describe("whether logit_scale learns as well"),
} as const;

export interface SelectionOptions {
  readonly select?: readonly string[] | undefined;
  readonly tuneLogitScale: boolean;
}

/** Whether a parameter learns, where `rule` says which of the towers' parameters the method trains. */
export function selecting(rule: (name: string) => boolean, { select, tuneLogitScale }: SelectionOptions): (name: string) => boolean {
  const patterns = select?.map(globPattern);
  return (name) => {
    if (name.startsWith("logit_")) return tuneLogitScale;
    return rule(name) && (patterns?.some((pattern) => pattern.test(name)) ?? true);
  };
}

/** What training vectors alone costs: the closed form and the row of the table where nothing narrows it. */
export const vectorsBudget = (published: string, { select }: SelectionOptions): MethodBudget =>
  select ? { learns: "metered" } : { learns: { kind: "vectors" }, published };
