import { recencyShares } from "../merging/shares.ts";
import { type Descent, firstWeights, type Lineage, type TowerMeasures, taskWeights } from "../runs/lineage.ts";
import { operatorName, type Source, type TemporalRule, type TowerOperators, towerRule } from "./temporal-rule.ts";

/** What is told of a task's merges beside the rule. */
export interface MergesOf {
  readonly operators: TowerOperators;
  readonly measures: ReadonlyMap<Source, TowerMeasures>;
}

/** How the merges after a task came about. Operators that take no shares count all models alike, and their results are no means. */
export function temporalLineage(rule: TemporalRule, task: number, of: MergesOf): Lineage {
  const asked = [...new Set([rule.deploy, rule.start])];
  const made = asked.flatMap((source) => descentOf(rule, { source, task }, of) ?? []);
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

interface Place {
  readonly source: Source;
  readonly task: number;
}

function descentOf(rule: TemporalRule, { source, task }: Place, { operators, measures }: MergesOf): Descent | undefined {
  if (source === "zs" || source === "latest" || isExpertAlone(rule, source, task)) return undefined;
  const { of, shares } = source === "all" ? allOf(rule, task) : pairOf(rule, source, task);
  const towers = measures.get(source);
  const hasShares = operators.image.weights === "shares" && operators.text.weights === "shares" && shares !== undefined;
  return {
    name: nameOf(rule, source, task),
    by: operatorName(rule),
    of: of.map((weights, i) => ({ weights, ...(hasShares ? { share: shares[i] as number } : {}) })),
    ...(towers ? { towers } : {}),
  };
}

interface Parts {
  readonly of: readonly string[];
  /** Undefined where the towers' shares differ. */
  readonly shares: readonly number[] | undefined;
}

function allOf({ includeBase, recency, reverse }: TemporalRule, task: number): Parts {
  const of = [...(includeBase ? [firstWeights] : []), ...Array.from({ length: task + 1 }, (_, i) => taskWeights(i))];
  return { of, shares: recencyShares(recency, of.length, reverse) };
}

function pairOf(rule: TemporalRule, source: "unrolled" | "anchored", task: number): Parts {
  const old = source === "anchored" || task === 0 ? firstWeights : nameOf(rule, source, task - 1);
  const [image, text] = [towerRule(rule, "image").weight, towerRule(rule, "text").weight];
  return { of: [taskWeights(task), old], shares: image === undefined || image !== text ? undefined : [1 - image, image] };
}
