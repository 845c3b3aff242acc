import { type CatalogueName, catalogues } from "../pipeline/catalogues.ts";
import type { Table } from "../report/table.ts";
import { hint, UsageError } from "../util/errors.ts";
import { say, sayFacts, sayJson, sayTable } from "./output.ts";
import { optionsTable, partOptions } from "./part-options.ts";

/** Tells what a part is, when it is the one to take, what it costs, where it comes from and what it takes. */
export async function explainPart(kind: string, name: string, json: boolean): Promise<void> {
  const catalogue = catalogueOf(kind);
  const part = await catalogues[catalogue].load(name);
  const options = partOptions(part);
  if (json) {
    const { summary, when, cost, source } = part;
    sayJson({ kind, name, summary, when, cost, source, options });
    return;
  }
  sayFacts([
    [catalogue, name],
    ["what", part.summary],
    ["when", part.when],
    ["cost", part.cost],
    ["source", part.source],
  ]);
  if (options.length === 0) return;
  say();
  sayTable(optionsTable(options));
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
