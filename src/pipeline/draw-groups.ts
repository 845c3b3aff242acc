import { datasetOf } from "../data/source.ts";
import { type DrawRule, groupPool } from "../mixtures/balanced-order.ts";
import type { GroupsOfSource } from "../mixtures/positions.ts";
import type { RunSpec } from "../runs/spec.ts";
import { conceptsBySample, type Pool } from "../streams/pools.ts";
import type { Stream } from "../streams/stream.ts";

/** The groups that each source's rows are drawn evenly over, for those that are not drawn by sample. A task's pool is grouped when its first row is asked for. */
export function drawGroups(
  { data: { draws } }: Pick<RunSpec, "data">,
  stream: Stream,
  poolOf: (source: "update" | "buffer", task: number) => Pool,
): GroupsOfSource {
  const kept: { concepts?: ReturnType<typeof conceptsBySample> } = {};
  const keyUnder: Readonly<Record<Exclude<DrawRule, "uniform">, (id: string) => string>> = {
    "class-balanced": (id) => {
      kept.concepts ??= conceptsBySample(stream);
      return kept.concepts.get(id) ?? "";
    },
    "dataset-balanced": datasetOf,
  };
  const groupsFor = (source: "update" | "buffer"): GroupsOfSource => {
    const rule = draws[source];
    if (rule === "uniform") return {};
    return {
      [source]: (task: number) => {
        const pool = poolOf(source, task);
        return groupPool(pool.size, (sample) => keyUnder[rule](pool.sample(sample)));
      },
    };
  };
  return { ...groupsFor("update"), ...groupsFor("buffer") };
}
