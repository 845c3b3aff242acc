import { add, mulNumber } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import type { Weights } from "../engine/tensor.ts";

/** keep · old + share · fresh by parameter; one that only one of them has counts as zero in the other. */
export function runningImportance(old: Weights, fresh: Weights, by: { readonly keep: number; readonly share: number }): Weights {
  const names = [...new Set([...old.keys(), ...fresh.keys()])];
  return new Map(
    names.map((name) => {
      const [before, now] = [old.get(name), fresh.get(name)];
      const sum = scope(() => {
        const terms = [...(before ? [mulNumber(before, by.keep)] : []), ...(now ? [mulNumber(now, by.share)] : [])];
        return terms.reduce(add);
      });
      return [name, sum];
    }),
  );
}
