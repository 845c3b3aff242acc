import type { z } from "zod";
import type { Problem } from "./config-problem.ts";
import { type ConfigNode, type ConfigPath, formatPath, keyPlaceAt, nodeAt, placeAt } from "./config-tree.ts";
import { nearest } from "./errors.ts";

/** The part of JSON Schema that zod writes for a configuration. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  /** Of a map with any keys: what each of them holds. */
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
}

/** Schema's problems with a tree: where each stands, what was expected, what it got, and the name that was probably meant. */
export function explainIssues(issues: readonly z.core.$ZodIssue[], root: ConfigNode, schema: JsonSchema): readonly Problem[] {
  return issues.flatMap(opened).flatMap((issue) => {
    const path = issue.path.filter((part): part is string | number => typeof part !== "symbol");
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey([...path, key], root, schema));
    return [wrongValue(issue, path, root, schema)];
  });
}

/** The problems inside the one option of a union that has the value's kind, where there is one. */
function opened(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const fitting = issue.errors.filter((option) => option.every(({ path, code }) => path.length > 0 || code === "unrecognized_keys"));
  const [only] = fitting;
  if (!only || fitting.length > 1) return [issue];
  return only.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })).flatMap(opened);
}

function unknownKey(path: ConfigPath, root: ConfigNode, schema: JsonSchema): Problem {
  const key = String(path.at(-1));
  const parent = path.slice(0, -1);
  const place = keyPlaceAt(root, path);
  const here = schemasAt(schema, parent, root);
  const chosen = here.filter((option) => agrees(option, nodeAt(root, parent)));
  const known = keysOf(chosen.length > 0 ? chosen : here);
  const other = here.length > chosen.length && keysOf(here).includes(key) ? nodeAt(root, [...parent, "name"]) : undefined;
  if (other?.kind === "scalar")
    return { place, path: formatPath(path), message: `has no effect with ${formatPath(parent)} "${other.value}"`, fix: "remove it" };
  const near = nearest(key, known);
  const elsewhere = near ? undefined : pathsOfKey(schema, key)[0];
  const fix = near ? `did you mean "${near}"?` : elsewhere ? `did you mean "${elsewhere}"?` : undefined;
  return { place, path: formatPath(path), message: `unknown key; expected one of ${known.join(", ")}`, ...(fix ? { fix } : {}) };
}

function wrongValue(issue: z.core.$ZodIssue, path: ConfigPath, root: ConfigNode, schema: JsonSchema): Problem {
  const node = nodeAt(root, path);
  const place = placeAt(root, path);
  const where = { place, path: formatPath(path) };
  const expected = issue.code === "custom" ? issue.message : describe(schemasAt(schema, path, root));
  if (!node) return { ...where, message: `missing; expected ${expected}` };
  const choices = choicesOf(schemasAt(schema, path, root));
  const near = node.kind === "scalar" ? nearest(String(node.value), choices) : undefined;
  return { ...where, message: `expected ${expected}, got ${got(node)}`, ...(near ? { fix: `did you mean "${near}"?` } : {}) };
}

/** A node as a message shows it, cut to a line. References stay references. */
function got(node: ConfigNode): string {
  if (node.kind === "map") return `a map of ${[...node.entries.keys()].slice(0, 6).join(", ") || "nothing"}`;
  if (node.kind === "list") return `a list of ${node.items.length}`;
  const text = JSON.stringify(node.value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Schemas that may describe the value at a path, unions opened; where a map names its part, only that part's. */
function schemasAt(schema: JsonSchema, path: ConfigPath, root?: ConfigNode): readonly JsonSchema[] {
  let found = optionsOf(schema);
  for (const [i, part] of path.entries()) {
    const node = root && nodeAt(root, path.slice(0, i));
    const fitting = found.filter((option) => agrees(option, node));
    const next = (fitting.length > 0 ? fitting : found).flatMap((option) => {
      const child =
        typeof part === "number"
          ? (option.prefixItems?.[part] ?? option.items)
          : (option.properties?.[part] ?? option.additionalProperties);
      return typeof child === "object" ? [child] : [];
    });
    found = next.flatMap(optionsOf);
  }
  return found;
}

/** Value that stands when a key is absent, if the schema gives one. */
export function defaultAt(schema: JsonSchema, path: ConfigPath): unknown {
  const parents = schemasAt(schema, path.slice(0, -1));
  return parents.map((parent) => parent.properties?.[String(path.at(-1))]?.default).find((value) => value !== undefined);
}

function optionsOf(schema: JsonSchema): readonly JsonSchema[] {
  const options = schema.anyOf ?? schema.oneOf;
  if (!options) return [schema];
  const said = schema.description;
  return options.flatMap(optionsOf).map((option) => (said === undefined ? option : { ...option, description: said }));
}

function agrees(option: JsonSchema, node: ConfigNode | undefined): boolean {
  const wanted = option.properties?.name?.const;
  const name = node?.kind === "map" ? nodeAt(node, ["name"]) : undefined;
  return wanted === undefined || name?.kind !== "scalar" || name.value === wanted;
}

function keysOf(schemas: readonly JsonSchema[]): readonly string[] {
  return [...new Set(schemas.flatMap((schema) => Object.keys(schema.properties ?? {})))];
}

function choicesOf(schemas: readonly JsonSchema[]): readonly string[] {
  return schemas.flatMap((schema) => [...(schema.enum ?? []), ...(schema.const === undefined ? [] : [schema.const])]).map(String);
}

function describe(schemas: readonly JsonSchema[]): string {
  const said = schemas.find((schema) => schema.description !== undefined)?.description;
  if (said) return said;
  const choices = choicesOf(schemas);
  const rest = schemas.filter((schema) => !schema.enum && schema.const === undefined).map(describeType);
  const names = choices.length > 1 ? `one of ${choices.join(", ")}` : choices.join("");
  return [...(names ? [names] : []), ...new Set(rest)].join(" or ") || "nothing here";
}

/** What a value of a schema may be, in words, whatever its description says. */
export function typeText(schema: JsonSchema): string {
  const { description: _, ...plain } = schema;
  return describe(optionsOf(plain).map(({ description: __, ...each }) => each));
}

function describeType(schema: JsonSchema): string {
  if (schema.type === "object") return "a map";
  if (schema.type === "array") return "a list";
  if (schema.type === "boolean") return "true or false";
  if (schema.type === "string") return "a text";
  const kind = schema.type === "integer" ? "a whole number" : "a number";
  const least = schema.minimum !== undefined && schema.minimum > Number.MIN_SAFE_INTEGER ? ` >= ${schema.minimum}` : "";
  const above = schema.exclusiveMinimum === undefined ? "" : ` > ${schema.exclusiveMinimum}`;
  const most = schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER ? ` <= ${schema.maximum}` : "";
  return `${kind}${least}${above}${most}`;
}

function pathsOfKey(schema: JsonSchema, key: string, path: readonly string[] = []): readonly string[] {
  return optionsOf(schema).flatMap((option) =>
    Object.entries(option.properties ?? {}).flatMap(([name, child]) => [
      ...(name === key ? [[...path, name].join(".")] : []),
      ...pathsOfKey(child, key, [...path, name]),
    ]),
  );
}
