import { EvergreenError } from "../util/errors.ts";

/** Waits for both. Where both fail for something that is not there, one error tells both, so that a person need not come back for the second; what both say it tells once. */
export async function openTogether<A, B>(first: Promise<A>, second: Promise<B>): Promise<readonly [A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === "fulfilled" && b.status === "fulfilled") return [a.value, b.value];
  const reasons = [a, b].flatMap((result): readonly unknown[] => (result.status === "rejected" ? [result.reason] : []));
  const [one, other] = reasons;
  if (!(one instanceof EvergreenError) || !(other instanceof EvergreenError) || one.exit !== other.exit) throw one;
  // They become halves of one sentence.
  const fixes = [one.fix, other.fix].flatMap((fix) => (fix === undefined ? [] : [fix.replace(/\.$/, "")]));
  throw new EvergreenError(toldOnce([one.message, other.message]), {
    code: one.code,
    exit: one.exit,
    cause: one,
    ...(fixes.length > 0 ? { fix: toldOnce(fixes) } : {}),
  });
}

const toldOnce = (texts: readonly string[]): string => [...new Set(texts)].join("; ");
