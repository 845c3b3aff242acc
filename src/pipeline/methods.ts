import { branchMethod } from "../continual/branch.ts";
import { compose, type Methods, type NamedMethod } from "../continual/compose.ts";
import { methods as catalogue, type Method } from "../continual/method.ts";
import type { RunSpec } from "../runs/spec.ts";
import { schedules } from "../schedules/schedule.ts";
import { EvergreenError } from "../util/errors.ts";
import { issueText } from "../util/issues.ts";

/** The methods that a run lists, with their options read, and what its schedule asks for. @throws {EvergreenError} for options that a method does not take. */
export async function methodsOf({ methods, schedule }: Pick<RunSpec, "methods" | "schedule">): Promise<Methods> {
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
  return compose([...list, ...(await branchOf(schedule))]);
}

/** A schedule whose tasks end with a branch decides where the weights go, as a method does. */
async function branchOf({ name, ...given }: RunSpec["schedule"]): Promise<readonly NamedMethod[]> {
  const definition = await schedules.load(name);
  const { branchFrom } = definition;
  if (!branchFrom) return [];
  const options = definition.options.parse(given);
  // Options that rule branches out give none to the longest of tasks.
  if (branchFrom(options, { first: Number.MAX_SAFE_INTEGER, own: Number.MAX_SAFE_INTEGER }) === undefined) return [];
  const title = `schedule ${name}`;
  return [{ name: title, method: branchMethod(title, (steps) => branchFrom(options, steps)) as Method }];
}
