import { z } from "zod";
import { type CatalogueName, catalogues } from "../pipeline/catalogues.ts";
import type { Table } from "../report/table.ts";
import type { Component } from "../util/component.ts";
import { type JsonSchema, typeText } from "../util/config-schema.ts";
import { hint, UsageError } from "../util/errors.ts";
import { snakeCase } from "../util/key-case.ts";
import { say, sayFacts, sayJson, sayTable } from "./output.ts";

/** An option of a part, as run files spell it. */
interface ExplainedOption {
  readonly option: string;
  readonly default: unknown;
  readonly takes: string;
  readonly about: string;
}

/** Tells what a part is, where it comes from and what it takes. */
export async function explainPart(kind: string, name: string, json: boolean): Promise<void> {
  const catalogue = catalogueOf(kind);
  const part = await catalogues[catalogue].load(name);
  const options = optionsOf(part);
  if (json) {
    sayJson({ kind, name, summary: part.summary, ...(part.source ? { source: part.source } : {}), options });
    return;
  }
  sayFacts([
    [catalogue, name],
    ["what", part.summary],
    ["source", part.source],
  ]);
  if (options.length === 0) return;
  say();
  sayTable({
    columns: [{ title: "option" }, { title: "default" }, { title: "takes" }, { title: "what it is" }],
    rows: options.map((each) => [
      each.option,
      each.default === undefined ? undefined : JSON.stringify(each.default),
      each.takes,
      each.about,
    ]),
  });
}

/** The parts of a catalogue, a line each. */
export async function partsTable(kind: CatalogueName): Promise<Table> {
  const catalogue = catalogues[kind];
  const parts = await Promise.all(catalogue.names().map(async (name) => ({ name, ...(await catalogue.load(name)) })));
  return {
    columns: [{ title: kind }, { title: "what it does" }, { title: "source" }],
    rows: parts.map(({ name, summary, source }) => [name, summary, source]),
  };
}

function catalogueOf(kind: string): CatalogueName {
  if (Object.hasOwn(catalogues, kind)) return kind as CatalogueName;
  throw new UsageError(`there are no parts called ${kind}`, hint(kind, Object.keys(catalogues)));
}

function optionsOf({ options }: Component): readonly ExplainedOption[] {
  const schema = z.toJSONSchema(options, { io: "input", unrepresentable: "any" }) as JsonSchema;
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    option: snakeCase(name),
    default: property.default,
    takes: typeText(property),
    about: property.description ?? "",
  }));
}
