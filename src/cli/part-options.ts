import { z } from "zod";
import type { Table } from "../report/table.ts";
import type { Component } from "../util/component.ts";
import { type JsonSchema, typeText } from "../util/config-schema.ts";
import { snakeCase } from "../util/key-case.ts";

/** An option of a part, as run files spell it. */
export interface PartOption {
  readonly option: string;
  readonly default: unknown;
  readonly takes: string;
  readonly about: string;
}

/** What a part takes, in the order of its own list. */
export function partOptions({ options }: Component): readonly PartOption[] {
  const schema = z.toJSONSchema(options, { io: "input", unrepresentable: "any" }) as JsonSchema;
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    option: snakeCase(name),
    default: property.default,
    takes: typeText(property),
    about: property.description ?? "",
  }));
}

/** The same, a line each. */
export const optionsTable = (options: readonly PartOption[]): Table => ({
  columns: [{ title: "option" }, { title: "default" }, { title: "takes" }, { title: "what it is" }],
  rows: options.map((each) => [each.option, each.default === undefined ? undefined : JSON.stringify(each.default), each.takes, each.about]),
});
