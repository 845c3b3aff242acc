import type { Problem } from "../util/config-problem.ts";
import { type ConfigNode, type ConfigPath, keyPlaceAt } from "../util/config-tree.ts";
import { contradictions, unknownCells } from "./claim-checks.ts";
import { type ClaimDocument, cellText, namesOf, type TestDocument } from "./claim-schema.ts";

/** Where on a trial's way: a number counts finished tasks; a peak or lowest point lies after the start. */
export type ClaimPoint = "first" | "end" | "peak" | "lowest" | number;

interface Pairs {
  readonly metric: string;
  readonly at: ClaimPoint;
  readonly of: readonly string[];
  readonly than: readonly string[] | "start";
  /** One pair is enough; else all must hold. */
  readonly any: boolean;
  /** Of `metric: distance`. */
  readonly oracle?: string;
}
/** The one lies above or below the other by more than a share. */
export interface DifferenceTest extends Pairs {
  readonly kind: "difference";
  readonly side: "above" | "below";
  readonly by: number;
}
/** The two are no further apart than a share. */
export interface NearTest extends Pairs {
  readonly kind: "near";
  readonly within: number;
}
/** Cells of one group lie further apart, or less far, than those of another: largest less smallest mean over seeds. */
export interface SpreadTest {
  readonly kind: "spread";
  readonly metric: string;
  readonly at: ClaimPoint;
  readonly side: "above" | "below";
  readonly by: number;
  readonly over: readonly string[];
  readonly with: readonly string[];
}
export type ClaimTest = DifferenceTest | NearTest | SpreadTest;

/** A statement with what must hold for it, written before the runs. */
export interface Claim {
  readonly id: string;
  readonly says: string;
  readonly source?: string;
  readonly note?: string;
  readonly needs: readonly ClaimTest[];
}

/** Words that stand where a cell may. */
const reserved = ["start", "spread"];

/** The claims of a sweep, and what is wrong with them: cells that it has not, tests that do not hang together. */
export function readClaims(
  given: Readonly<Record<string, ClaimDocument>>,
  known: readonly string[],
  tree: ConfigNode,
): { readonly claims: readonly Claim[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const taken = reserved.filter((word) => known.includes(word));
  if (taken.length > 0 && Object.keys(given).length > 0)
    problems.push({
      place: keyPlaceAt(tree, ["claims"]),
      path: "claims",
      message: `a cell is called ${taken.join(" and ")}, which means something else here`,
      fix: "give it another name",
    });
  const claims = Object.entries(given).map(([id, { says, source, note, needs }]): Claim => {
    const tests = Array.isArray(needs) ? needs : [needs];
    return {
      id,
      says,
      ...(source === undefined ? {} : { source }),
      ...(note === undefined ? {} : { note }),
      needs: tests.flatMap((test, i) => {
        const path: ConfigPath = ["claims", id, "needs", ...(Array.isArray(needs) ? [i] : [])];
        const found = [...unknownCells(test, known, { tree, path }), ...contradictions(test, { tree, path })];
        problems.push(...found);
        return found.length > 0 ? [] : [testOf(test)];
      }),
    };
  });
  return { claims, problems };
}

function testOf(test: TestDocument): ClaimTest {
  const { at = "end", by = 0, any = false } = test;
  const side = test.above === undefined ? "below" : "above";
  const share = (points: number): number => points / 100;
  if (test.spread !== undefined)
    return { kind: "spread", metric: test.spread, at, side, by: share(by), over: namesOf(test.over), with: namesOf(test.with) };
  const other = test.near ?? test.above ?? test.below;
  const pairs = {
    metric: test.metric ?? "",
    at,
    of: namesOf(test.of),
    than: other === "start" ? other : namesOf(other),
    any,
    ...(test.oracle === undefined ? {} : { oracle: cellText(test.oracle) }),
  } as const;
  return test.near === undefined
    ? { kind: "difference", side, by: share(by), ...pairs }
    : { kind: "near", within: share(test.within ?? 0), ...pairs };
}
