import { compose, type Methods, type NamedMethod } from "../continual/compose.ts";
import { methods as catalogue } from "../continual/method.ts";
import type { RunSpec } from "../runs/spec.ts";
import { EvergreenError } from "../util/errors.ts";
import { issueText } from "../util/issues.ts";

/** The methods that a run lists, with their options read. @throws {EvergreenError} for options that a method does not take. */
export async function methodsOf({ methods }: Pick<RunSpec, "methods">): Promise<Methods> {
  const list: NamedMethod[] = [];
  for (const [i, { name, ...given }] of methods.entries()) {
    const definition = await catalogue.load(name);
    const options = definition.options.safeParse(given);
    if (!options.success)
      throw new EvergreenError(`methods[${i}] ${name}: ${issueText(options.error)}`, {
        code: "EG-3105",
        exit: "config",
        fix: `see what it takes: evergreen explain method ${name}`,
      });
    list.push({ name, method: definition.build(options.data) });
  }
  return compose(list);
}
