import type { Concept } from "../data/source.ts";
import { cutIntoTasks, groupIntoTasks, type Stream, yearsIntoTasks } from "./stream.ts";

const yearOf = ({ stats }: Concept): string => (stats.year === undefined ? "undated" : String(stats.year));
const setOf = ({ dataset }: Concept): string => dataset;

/**
 * Tasks where no number of them was asked for: one a year where every concept is dated, else one a data set. An order that was asked for is kept: years or data
 * sets that stand together make the tasks, years with the undated beside them too, and what mixes both is cut into as many equal tasks.
 */
export function naturalTasks(concepts: readonly Concept[], { isOrdered }: { readonly isOrdered: boolean }): Stream {
  const isDated = concepts.every(({ stats }) => stats.year !== undefined);
  if (!isOrdered) return isDated ? yearsIntoTasks(concepts) : groupIntoTasks(concepts, setOf);
  if (isDated && standTogether(concepts, yearOf)) return groupIntoTasks(concepts, yearOf);
  if (standTogether(concepts, setOf)) return groupIntoTasks(concepts, setOf);
  const isPartlyDated = concepts.some(({ stats }) => stats.year !== undefined);
  if (isPartlyDated && standTogether(concepts, yearOf)) return groupIntoTasks(concepts, yearOf);
  return cutIntoTasks(concepts, new Set(concepts.map(isDated ? yearOf : setOf)).size);
}

function standTogether(concepts: readonly Concept[], groupOf: (concept: Concept) => string): boolean {
  const borders = concepts.filter((concept, i) => i === 0 || groupOf(concept) !== groupOf(concepts[i - 1] as Concept)).length;
  return borders === new Set(concepts.map(groupOf)).size;
}
