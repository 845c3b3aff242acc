import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { methods } from "../continual/method.ts";
import { augments } from "../data/augment.ts";
import { sources } from "../data/source.ts";
import { evaluators } from "../evaluation/evaluator.ts";
import { modifiers, operators } from "../merging/operator.ts";
import { buffers } from "../mixtures/buffer.ts";
import { objectives } from "../nn/objective.ts";
import { optimizers } from "../nn/optimizer.ts";
import type { PlanContent } from "../runs/plan.ts";
import { schedules } from "../schedules/schedule.ts";
import { orderings } from "../streams/stream.ts";
import type { Catalog, Component } from "../util/component.ts";
import { EvergreenError } from "../util/errors.ts";
import { pluginDigest } from "../util/plugin-file.ts";

/** Every catalogue of parts, by the word that people ask for one with. */
export const catalogues = {
  method: methods,
  operator: operators,
  modifier: modifiers,
  ordering: orderings,
  buffer: buffers,
  schedule: schedules,
  optimizer: optimizers,
  objective: objectives,
  source: sources,
  augment: augments,
  evaluator: evaluators,
} as const satisfies Readonly<Record<string, Catalog<Component>>>;
export type CatalogueName = keyof typeof catalogues;

/** Sub-folders of a folder of users' own parts. */
export const pluginFolders = (Object.keys(catalogues) as CatalogueName[]).map((kind) => ({ kind, name: `${kind}s` }));

/**
 * Lets every catalogue take the parts in users' own folders (`methods/pull.mjs`), in place of those it was told of before.
 * @throws {EvergreenError} for a folder that is not there or holds no parts, and for a part whose name is taken.
 */
export function usePlugins(folders: readonly string[] = []): void {
  const held = folders.map((folder) => ({ folder, names: new Set(subfoldersOf(folder)) }));
  for (const { kind, name } of pluginFolders) {
    const own = held.filter(({ names }) => names.has(name)).map(({ folder }) => pathToFileURL(join(folder, name, "/")));
    catalogues[kind].extend(own);
  }
}

function subfoldersOf(folder: string): readonly string[] {
  const expected = pluginFolders.map(({ name }) => `${name}/`).join(", ");
  const fix = "give the folder that holds them, as plugins: [./my-parts]";
  const refused = (message: string, cause?: unknown): EvergreenError =>
    new EvergreenError(`plugins: ${message}`, { code: "EG-3160", exit: "config", fix, ...(cause === undefined ? {} : { cause }) });
  let found: readonly string[];
  try {
    found = readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch (cause) {
    throw refused(`${folder} cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);
  }
  if (!pluginFolders.some(({ name }) => found.includes(name)))
    throw refused(`${folder} holds no parts; expected sub-folders of ${expected}`);
  return found;
}

/**
 * Digests of users' own parts that a run's results may depend on, by kind and name: of those that its settings name anywhere (an operator in a method's options too), and of
 * sources, which may recognise what lies at a path. Nothing where there are none.
 */
export function usedPlugins(spec: unknown): Pick<PlanContent, "plugins"> {
  const named = namesIn(spec);
  const used = pluginFolders.flatMap(({ kind }) =>
    [...catalogues[kind].pluginFiles()]
      .filter(([name]) => kind === "source" || named.has(name))
      .map(([name, file]): [string, string] => [`${kind} ${name}`, pluginDigest(file)]),
  );
  return used.length > 0 ? { plugins: Object.fromEntries(used) } : {};
}

function namesIn(value: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (each: unknown): void => {
    if (typeof each === "string") found.add(each);
    if (each !== null && typeof each === "object") for (const inner of Object.values(each)) visit(inner);
  };
  visit(value);
  return found;
}
