import { methods } from "../continual/method.ts";
import { augments } from "../data/augment.ts";
import { evaluators } from "../evaluation/evaluator.ts";
import { buffers } from "../mixtures/buffer.ts";
import { objectives } from "../nn/objective.ts";
import { optimizers } from "../nn/optimizer.ts";
import type { ParsedSpec } from "../runs/spec.ts";
import { partProblems } from "../runs/spec-parts.ts";
import { schedules } from "../schedules/schedule.ts";
import type { Catalog, Component, ComponentSpec } from "../util/component.ts";
import { ConfigError, type Problem } from "../util/config-problem.ts";
import { type ConfigPath, formatPath, placeAt } from "../util/config-tree.ts";
import { nearest } from "../util/errors.ts";
import { optimizerOf } from "./assemble.ts";
import { usePlugins } from "./catalogues.ts";

/**
 * Checks the parts that a run names against their catalogues: that each is there, and takes the options it is given.
 * @throws {ConfigError} with every problem at its line and column.
 */
export async function checkParts(parsed: ParsedSpec): Promise<void> {
  const { spec } = parsed;
  usePlugins(spec.plugins);
  const asked: readonly (readonly [ConfigPath, Catalog<Component>, ComponentSpec])[] = [
    ...spec.methods.map((part, i) => [["methods", i], methods, part] as const),
    [["data", "buffer"], buffers, spec.data.buffer],
    [["data", "augment"], augments, spec.data.augment],
    [["schedule"], schedules, spec.schedule],
    [["optim"], optimizers, optimizerOf(spec)],
    [["loss"], objectives, { name: spec.loss.name }],
    ...(spec.eval.evaluator ? [[["eval", "evaluator"], evaluators, spec.eval.evaluator] as const] : []),
  ];
  const problems = await Promise.all(asked.map(([path, catalogue, part]) => problemsOf(parsed, { path, catalogue, part })));
  if (problems.flat().length > 0) throw new ConfigError(problems.flat());
}

async function problemsOf(
  parsed: ParsedSpec,
  { path, catalogue, part }: { readonly path: ConfigPath; readonly catalogue: Catalog<Component>; readonly part: ComponentSpec },
): Promise<readonly Problem[]> {
  const { name, ...given } = part;
  const names = catalogue.names();
  if (!names.includes(name)) {
    const at = [...path, "name"];
    const near = nearest(name, names);
    const message = `unknown ${catalogue.kind} "${name}"; known: ${names.join(", ")}`;
    return [{ place: placeAt(parsed.tree, at), path: formatPath(path), message, ...(near ? { fix: `did you mean "${near}"?` } : {}) }];
  }
  const { options } = await catalogue.load(name);
  const { error } = options.safeParse(given);
  return error ? partProblems(parsed, { path, options, error }) : [];
}
