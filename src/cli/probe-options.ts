import type { ComponentSpec } from "../util/component.ts";
import { UsageError } from "../util/errors.ts";
import { type Flag, wholeNumber } from "./command.ts";

/** Flags that name another evaluator than a set's usual one: a linear probe, or any by name. */
export const probeFlags = {
  probe: {
    type: "boolean",
    help: "a linear classifier on the image embeddings, fitted to each set's training samples, in place of zero-shot scores",
  },
  evaluator: { type: "string", value: "NAME", help: "score by this evaluator alone, as one of your own; evergreen explain evaluator NAME" },
  shots: { type: "string", value: "K", help: "with --probe: training samples of each class, drawn by --seed (all of them)" },
  l2: { type: "string", value: "X", help: "with --probe: penalty of the weights (chosen on a fifth of the training samples)" },
} as const satisfies Readonly<Record<string, Flag>>;

/** The evaluator that the flags ask for; undefined where they ask for none. @throws {UsageError} */
export function probeOf(
  { probe, evaluator, shots, l2 }: { readonly probe?: boolean; readonly evaluator?: string; readonly shots?: string; readonly l2?: string },
  seed: number | undefined,
): ComponentSpec | undefined {
  if (!probe) {
    const alone = Object.entries({ shots, l2 }).find(([, value]) => value !== undefined)?.[0];
    if (alone !== undefined) throw new UsageError(`--${alone} belongs to a linear probe`, "add --probe");
    return evaluator === undefined ? undefined : { name: evaluator };
  }
  if (evaluator !== undefined) throw new UsageError("--probe and --evaluator each name an evaluator", "take one of them away");
  const penalty = l2 === undefined ? undefined : Number(l2);
  if (penalty !== undefined && !(penalty > 0 && penalty < Number.POSITIVE_INFINITY))
    throw new UsageError(`--l2 ${l2}: expected a number above 0`, "as --l2 0.01");
  return {
    name: "linear-probe",
    ...(shots === undefined ? {} : { shots: wholeNumber("shots", shots) }),
    ...(penalty === undefined ? {} : { l2: penalty }),
    ...(seed === undefined ? {} : { seed }),
  };
}
