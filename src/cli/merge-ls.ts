import { type MergeOperator, modifiers, operators } from "../merging/operator.ts";
import { hint, UsageError } from "../util/errors.ts";
import { say, sayFacts, sayJson, sayTable } from "./output.ts";
import { optionsTable, partOptions } from "./part-options.ts";

/** Lists the merge operators, or tells one's options. @throws {UsageError} for a name that none has. */
export async function listOperators(name: string | undefined, asJson: boolean): Promise<void> {
  if (name !== undefined) return tell(name, asJson);
  const rows = await Promise.all(operators.names().map(async (each) => ({ name: each, ...about(await operators.load(each)) })));
  const more = await Promise.all(modifiers.names().map(async (each) => ({ name: each, summary: (await modifiers.load(each)).summary })));
  if (asJson) return sayJson({ operators: rows, modifiers: more });
  sayTable({
    columns: [{ title: "operator" }, { title: "models" }, { title: "weights" }, { title: "needs" }, { title: "what it does" }],
    rows: [
      ...rows.map(({ name: each, models, weights, needs, summary }) => [each, models, weights, needs.join(", "), summary]),
      ...more.map(({ name: each, summary }) => [each, "any", "", "base", summary]),
    ],
  });
}

function about({ models: [fewest, most], weights, usesBase, needs, summary, source }: MergeOperator) {
  return {
    models: fewest === most ? `${fewest}` : `${fewest}+`,
    weights,
    needs: [...(usesBase ? ["base"] : []), ...(needs ? [needs] : [])],
    summary,
    source,
  };
}

async function tell(name: string, asJson: boolean): Promise<void> {
  const [own, others] = [operators.names(), modifiers.names()];
  if (!own.includes(name) && !others.includes(name))
    throw new UsageError(`no merge operator is called "${name}"`, hint(name, [...own, ...others]));
  const part = own.includes(name) ? await operators.load(name) : await modifiers.load(name);
  const options = partOptions(part);
  if (asJson) {
    const named = options.map(({ option, ...rest }) => ({ name: option, ...rest }));
    return sayJson({ name, summary: part.summary, source: part.source, ...("models" in part ? about(part) : {}), options: named });
  }
  sayFacts([
    [name, part.summary],
    ["source", part.source],
  ]);
  if (options.length === 0) return say("no options");
  sayTable(optionsTable(options));
}
