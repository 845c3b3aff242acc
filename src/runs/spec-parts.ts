import { z } from "zod";
import type { Problem } from "../util/config-problem.ts";
import { explainIssues, type JsonSchema } from "../util/config-schema.ts";
import { type ConfigPath, formatPath, nodeAt } from "../util/config-tree.ts";
import { snakeCase } from "../util/key-case.ts";
import type { ParsedSpec } from "./spec.ts";

/** A part of the run (`data.augment`, `methods[0]`) whose options its own schema refused. */
export interface RefusedPart {
  readonly path: ConfigPath;
  /** The part's options, with keys as TypeScript spells them. */
  readonly options: z.ZodType;
  readonly error: z.ZodError;
}

/** What a part's schema found, at the places of the run file. */
export function partProblems(parsed: ParsedSpec, { path, options, error }: RefusedPart): readonly Problem[] {
  const node = nodeAt(parsed.tree, path) ?? parsed.tree;
  const schema = snakeProperties(z.toJSONSchema(options, { io: "input", unrepresentable: "any" }) as JsonSchema);
  const issues = error.issues.map((issue) => ({
    ...issue,
    path: issue.path.map((part) => (typeof part === "string" ? snakeCase(part) : part)),
    ...(issue.code === "unrecognized_keys" ? { keys: issue.keys.map(snakeCase) } : {}),
  })) as z.core.$ZodIssue[];
  return explainIssues(issues, node, schema).map((problem) => ({
    ...problem,
    path: [formatPath(path), problem.path].filter(Boolean).join("."),
  }));
}

function snakeProperties(schema: JsonSchema): JsonSchema {
  const inner = (found: JsonSchema | undefined): JsonSchema | undefined => found && snakeProperties(found);
  const entries = Object.entries(schema.properties ?? {}).map(([key, child]) => [snakeCase(key), snakeProperties(child)]);
  const items = inner(schema.items);
  return {
    ...schema,
    ...(schema.properties ? { properties: Object.fromEntries(entries) } : {}),
    ...(items ? { items } : {}),
    ...(schema.anyOf ? { anyOf: schema.anyOf.map(snakeProperties) } : {}),
    ...(schema.oneOf ? { oneOf: schema.oneOf.map(snakeProperties) } : {}),
  };
}
