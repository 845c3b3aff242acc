import { differenceOverSeeds, type SeedSpread, type SeedValue, spreadOverSeeds } from "../evaluation/seeds.ts";
import { type ComparableRun, type ComparedRun, comparableSets, configDifferences, type Refused } from "../report/comparison.ts";
import type { GroupChange, SeedGroup } from "../report/seed-table.ts";
import type { EvaluationView } from "../runs/view.ts";

/** A run of a group with the evaluation it is compared by. */
export interface SeededRun extends ComparableRun {
  readonly seed: number;
  readonly compared: ComparedRun;
}

/** Runs whose settings differ in the seed alone, together, in the order of their first ones. A second run of one seed is no spread over seeds: it stands apart. */
export function seedGroups<Run extends { readonly config: unknown }>(runs: readonly Run[]): readonly (readonly [Run, ...Run[]])[] {
  const groups: [Run, ...Run[]][] = [];
  for (const run of runs) {
    const own = groups.find((members) => members.every(({ config }) => differInSeed(config, run.config)));
    if (own) own.push(run);
    else groups.push([run]);
  }
  return groups;
}

function differInSeed(a: unknown, b: unknown): boolean {
  const differences = configDifferences([a, b]);
  return differences.length === 1 && differences[0]?.path === "seed";
}

/**
 * Each group's scores over its seeds, and how far the groups are from the first one: over the sets that can be compared, paired by seed where two seeds are
 * common. A group of one run is held against a first group of one by that run's own change.
 */
export function comparedGroups(runs: readonly SeededRun[]): {
  readonly groups: readonly SeedGroup[];
  readonly refused: readonly (Refused & { readonly run: string })[];
} {
  const refused: (Refused & { readonly run: string })[] = [];
  const [first, ...others] = seedGroups(runs);
  if (!first) return { groups: [], refused };
  const groups = others.map((group): SeedGroup => {
    const single = first.length === 1 && group.length === 1 && first[0] === runs[0] ? group[0].compared.changes : undefined;
    const change = (part: "ka" | "zs"): GroupChange | undefined => {
      const own = single?.[part];
      if (own) return { ...own, by: "items" };
      const found = changeBetween(group, first, part);
      refused.push(...found.refused.filter(({ run, set }) => !refused.some((each) => each.run === run && each.set === set)));
      return found.change;
    };
    return { ...groupOf(group), changes: { ka: change("ka"), zs: change("zs") } };
  });
  return { groups: [groupOf(first), ...groups], refused };
}

function groupOf(runs: readonly SeededRun[]): SeedGroup {
  const score = (name: "ka" | "zs" | "gm"): SeedSpread | undefined => {
    const values = runs.map(({ compared }) => compared.row?.scores?.[name]?.value);
    // A mean over other sets is another quantity.
    const sets = new Set(runs.map(({ compared }) => JSON.stringify([compared.row?.scores?.kaSets, compared.row?.scores?.zsSets])));
    const known = values.filter((value) => value !== undefined);
    return sets.size > 1 || known.length < values.length ? undefined : spreadOverSeeds(known);
  };
  return {
    runs: runs.map(({ id }) => id),
    seeds: runs.map(({ seed }) => seed),
    samples: runs.map(({ compared }) => compared.samples),
    scores: { ka: score("ka"), zs: score("zs"), gm: score("gm") },
  };
}

function changeBetween(
  group: readonly SeededRun[],
  first: readonly SeededRun[],
  part: "ka" | "zs",
): { readonly change: GroupChange | undefined; readonly refused: readonly (Refused & { readonly run: string })[] } {
  const refused: (Refused & { readonly run: string })[] = [];
  const sets = new Set<string>();
  const lacking = new Set<string>();
  // The same seed where there is one: data that a seed divides are equal for it alone.
  for (const run of group) {
    const other = first.find(({ seed }) => seed === run.seed) ?? first[0];
    if (!other?.compared.row || !run.compared.row) return { change: undefined, refused };
    const found = comparableSets({ run: other, row: other.compared.row }, { run, row: run.compared.row });
    for (const set of found[part]) sets.add(set);
    for (const each of found.refused) {
      lacking.add(each.set);
      refused.push({ ...each, run: run.id });
    }
  }
  const used = [...sets].filter((set) => !lacking.has(set));
  if (used.length === 0) return { change: undefined, refused };
  const difference = differenceOverSeeds(valuesOf(group, used), valuesOf(first, used));
  if (!difference) return { change: undefined, refused };
  const { value, interval, isPaired } = difference;
  return { change: { value, ...(interval ? { interval } : {}), by: isPaired ? "seeds" : "groups" }, refused };
}

/** Mean of the headline metrics over those sets; a run that lacks one has none. */
function valuesOf(runs: readonly SeededRun[], sets: readonly string[]): readonly SeedValue[] {
  return runs.flatMap(({ seed, compared }) => {
    const found = sets.map((set) => headline(compared.row, set)).filter((value) => value !== undefined);
    return found.length < sets.length ? [] : [{ seed, value: found.reduce((sum, each) => sum + each, 0) / found.length }];
  });
}

const headline = (row: EvaluationView | undefined, set: string): number | undefined => row?.cells[set]?.headline.value;
