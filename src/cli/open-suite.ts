import { openSources } from "../data/open-sources.ts";
import type { DataSource } from "../data/source.ts";

/** Sets that references name, by name: one that two references give is opened once. */
export async function openAll(references: readonly string[]): Promise<readonly DataSource[]> {
  const sets = new Map<string, DataSource>();
  for (const reference of references) for (const set of await openSources(reference, process.cwd())) sets.set(set.name, set);
  return [...sets.values()];
}
