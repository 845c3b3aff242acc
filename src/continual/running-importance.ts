import { fromHost } from "../engine/offload.ts";
import { add, mulNumber } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import type { Weights } from "../engine/tensor.ts";
import type { Place } from "./anchor.ts";

/** keep · old + share · fresh by parameter, laid where it is kept; one that only one of them has counts as zero in the other. */
export function runningImportance(
  old: Weights,
  fresh: Weights,
  by: { readonly keep: number; readonly share: number; readonly place: Place },
): Weights {
  const names = [...new Set([...old.keys(), ...fresh.keys()])];
  return new Map(
    names.map((name) => {
      const [before, now] = [old.get(name), fresh.get(name)];
      const device = (now ?? before)?.device ?? "";
      const sum = scope(() => {
        const terms = [
          ...(before ? [mulNumber(fromHost(before, device), by.keep)] : []),
          ...(now ? [mulNumber(fromHost(now, device), by.share)] : []),
        ];
        return by.place(terms.reduce(add));
      });
      return [name, sum];
    }),
  );
}
