import { z } from "zod";
import type { Concept } from "../data/source.ts";
import type { ComponentSpec } from "../util/component.ts";
import { issueText } from "../util/issues.ts";
import { type ClassLists, canonical } from "./canonical.ts";
import { type OrderingContext, orderings, StreamError } from "./stream.ts";

/** Options that every ordering takes. */
const common = z.looseObject({
  reverse: z.boolean().default(false).describe("from the last to the first"),
  prefix: z.int().min(1).optional().describe("keep this many from the front, after the reversal"),
});

/** What concepts are ordered by: an ordering's name, or its name and options, `reverse` and `prefix` among them. */
export type OrderSpec = string | ComponentSpec;

/**
 * The concepts in the order that `spec` names. Every ordering but those that keep the order given starts from the canonical one, so that the result depends on
 * the concepts and the seed alone.
 * @throws {StreamError} for options that do not fit, a score that is missing, or a prefix longer than the stream; {UnknownComponentError}.
 */
export async function orderConcepts(
  concepts: readonly Concept[],
  spec: OrderSpec,
  context: OrderingContext & { readonly classLists?: ClassLists },
): Promise<readonly Concept[]> {
  const { name, ...given } = typeof spec === "string" ? { name: spec } : spec;
  const ordering = await orderings.load(name);
  const { reverse, prefix, ...own } = read(common, given, name);
  const base = ordering.keepsGiven ? concepts : canonical(concepts, context.classLists);
  const ordered = [...ordering.order(base, read(ordering.options, own, name), context)];
  if (reverse) ordered.reverse();
  if (prefix !== undefined && prefix > ordered.length)
    throw new StreamError(`a prefix of ${prefix} of ${ordered.length} concepts`, `set prefix to at most ${ordered.length}`);
  return prefix === undefined ? ordered : ordered.slice(0, prefix);
}

function read<S extends z.ZodType>(schema: S, given: unknown, name: string): z.output<S> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const known = Object.keys((z.toJSONSchema(schema, { io: "input" }).properties ?? {}) as object);
  throw new StreamError(
    `order ${name}: ${issueText(parsed.error)}`,
    `${name} takes ${[...new Set([...known, "reverse", "prefix"])].join(", ")}`,
  );
}
