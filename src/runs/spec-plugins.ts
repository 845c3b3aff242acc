import { z } from "zod";
import { lossOptions, runSchema, stepOptions } from "./spec-schema.ts";

const name = z.string().min(1);
/** What a run file may say of parts that its own plugins bring: what it says of every part of the kind, and options that the part itself reads, once it is there. */
const open = {
  optim: z.looseObject({ name, ...stepOptions }),
  schedule: z.looseObject({ name }),
  loss: z.strictObject({ name, ...lossOptions }),
} as const;

/** The run file's schema. With plugins, an optimizer, a schedule or a loss of a name that is not built in is taken as one of theirs, which its catalogue then looks for. */
export function schemaFor(value: unknown): typeof runSchema {
  const given = value as Readonly<Record<string, unknown>>;
  if (given.plugins === undefined) return runSchema;
  const foreign = (Object.keys(open) as (keyof typeof open)[]).filter((key) => {
    const wanted = (given[key] as { readonly name?: unknown } | undefined)?.name;
    const builtIn: readonly string[] = runSchema.shape[key].options.map(({ shape }) => shape.name.value);
    return typeof wanted === "string" && !builtIn.includes(wanted);
  });
  return runSchema.extend(Object.fromEntries(foreign.map((key) => [key, open[key]]))) as unknown as typeof runSchema;
}
