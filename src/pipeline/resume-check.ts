import { type PlanAspect, type PlanDifference, planDifferences, planHash, type RunPlan } from "../runs/plan.ts";
import type { StoredPlan } from "../runs/run-reader.ts";
import { EvergreenError } from "../util/errors.ts";

/** Differences a resume may be told to live with. */
export type Allowed = ReadonlySet<PlanAspect>;

/**
 * Aspects in which going on would not be the run that was begun; empty when it is exact.
 * @throws {ResumeRefusedError} when one of them was not allowed.
 */
export function differingAspects(stored: StoredPlan, now: RunPlan, allowed: Allowed): readonly PlanAspect[] {
  const before = { ...stored, spec: now.spec };
  const found = planDifferences(before, now);
  // plan.json holds no configuration, only what it did to the hash.
  const altered: PlanDifference = { aspect: "config", path: "config.yaml", before: "as the run began", after: "altered" };
  const differences = planHash(before) === stored.hash ? found : [altered, ...found];
  const refused = differences.filter(({ aspect }) => !allowed.has(aspect));
  if (refused.length > 0) throw new ResumeRefusedError(refused);
  return [...new Set(differences.map(({ aspect }) => aspect))];
}

/** A resume that would not go on with the same run. */
class ResumeRefusedError extends EvergreenError {
  constructor(differences: readonly PlanDifference[]) {
    const shown = differences
      .slice(0, 5)
      .map(({ aspect, path, before, after }) => `${aspect} ${path}: was ${JSON.stringify(before)}, is ${JSON.stringify(after)}`);
    const aspects = [...new Set(differences.map(({ aspect }) => aspect))];
    super(`resume would not be exact: ${shown.join("; ")}${differences.length > 5 ? `; and ${differences.length - 5} more` : ""}`, {
      code: "EG-3140",
      exit: "config",
      fix: `put it back, or go on with ${aspects.map((aspect) => `--allow ${aspect}`).join(" ")}, recorded as not bit-exact`,
    });
  }
}
