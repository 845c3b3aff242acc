import { recencyShares } from "../merging/shares.ts";
import { type Descent, firstWeights, type Lineage, taskWeights } from "../runs/lineage.ts";
import type { Source, TemporalRule } from "./temporal.ts";

/**
 * How the merges after a task came about. `hasShares` tells whether the operator takes them: others count all models alike, and their results are no means.
 */
export function temporalLineage(rule: TemporalRule, task: number, hasShares: boolean): Lineage {
  const asked = [...new Set([rule.deploy, rule.start])];
  const made = asked.flatMap((source) => descentOf(rule, source, task, hasShares) ?? []);
  return { deploy: nameOf(rule, rule.deploy, task), start: nameOf(rule, rule.start, task), made };
}

/** The name of a source after a task; where a merge would be of one expert it is the expert. */
function nameOf(rule: TemporalRule, source: Source, task: number): string {
  if (source === "zs") return firstWeights;
  if (source === "latest" || isExpertAlone(rule, source, task)) return taskWeights(task);
  return `${source}-${task + 1}`;
}

const isExpertAlone = ({ base, includeBase }: TemporalRule, source: Source, task: number): boolean =>
  task === 0 && ((source === "unrolled" && base === "first") || (source === "all" && !includeBase));

function descentOf(rule: TemporalRule, source: Source, task: number, hasShares: boolean): Descent | undefined {
  if (source === "zs" || source === "latest" || isExpertAlone(rule, source, task)) return undefined;
  const operator = typeof rule.operator === "string" ? rule.operator : rule.operator.name;
  const by =
    rule.modifier === undefined ? operator : `${operator} with ${typeof rule.modifier === "string" ? rule.modifier : rule.modifier.name}`;
  const { of, shares } = source === "all" ? allOf(rule, task) : pairOf(rule, source, task);
  return {
    name: nameOf(rule, source, task),
    by,
    of: of.map((weights, i) => ({ weights, ...(hasShares ? { share: shares[i] as number } : {}) })),
  };
}

interface Parts {
  readonly of: readonly string[];
  readonly shares: readonly number[];
}

function allOf({ includeBase, recency, reverse }: TemporalRule, task: number): Parts {
  const of = [...(includeBase ? [firstWeights] : []), ...Array.from({ length: task + 1 }, (_, i) => taskWeights(i))];
  return { of, shares: recencyShares(recency, of.length, reverse) };
}

function pairOf(rule: TemporalRule, source: "unrolled" | "anchored", task: number): Parts {
  const old = source === "anchored" || task === 0 ? firstWeights : nameOf(rule, source, task - 1);
  return { of: [taskWeights(task), old], shares: [1 - rule.weight, rule.weight] };
}
