import type { Claim } from "../runs/claims.ts";
import { pointsWithInterval } from "./numbers.ts";
import { escapeMarkdown, markdownTable, type Table } from "./table.ts";

export type ClaimVerdict = "confirmed" | "refuted" | "undecided" | "missing";

/** What the stored results say of one pair of cells, or of two groups. */
export interface JudgedPair {
  /** `ZS: merged − plain, above 0`. */
  readonly asks: string;
  readonly verdict: ClaimVerdict;
  /** Why it is undecided, where numbers do not say it. */
  readonly reason?: string;
  /** Cells without a result. */
  readonly missing?: readonly string[];
  /** A share. */
  readonly value?: number;
  readonly interval?: readonly [number, number];
  /** What the 95 % interval is over. */
  readonly over?: "items and seeds" | "seeds";
  readonly seeds?: readonly string[];
  /** The number of each of those seeds alone. */
  readonly bySeed?: readonly number[];
  /** The points were scored on more and on fewer test items. */
  readonly unequalItems?: true;
}

/** A test with all its pairs. */
export interface JudgedTest {
  readonly verdict: ClaimVerdict;
  readonly pairs: readonly JudgedPair[];
}

/** A claim with its verdict. */
export interface JudgedClaim extends Pick<Claim, "id" | "says" | "source" | "note"> {
  readonly verdict: ClaimVerdict;
  readonly scale: "small" | "full";
  readonly tests: readonly JudgedTest[];
}

/** `confirmed at small scale`; of one that is not decided, why. */
export function verdictText({ verdict, scale, tests }: JudgedClaim): string {
  const pairs = tests.flatMap((test) => test.pairs).filter((pair) => pair.verdict === verdict);
  return verdict === "confirmed" || verdict === "refuted" ? `${verdict} at ${scale} scale` : openText(verdict, pairs);
}

function openText(verdict: ClaimVerdict, pairs: readonly JudgedPair[]): string {
  const missing = [...new Set(pairs.flatMap((pair) => pair.missing ?? []))];
  const reasons = [...new Set(pairs.flatMap(({ reason }) => reason ?? []))];
  return [verdict, ...(missing.length > 0 ? [missing.join(", ")] : []), ...reasons].join(": ");
}

/** A line for every claim, and below one of several pairs a line for each of them; differences in points with their 95 % intervals. */
export function claimsTable(claims: readonly JudgedClaim[]): Table {
  return {
    columns: [{ title: "claim" }, { title: "says" }, { title: "verdict" }, { title: "points" }],
    rows: claims.flatMap((claim) => {
      const pairs = claim.tests.flatMap((test) => test.pairs);
      const [only] = pairs;
      const head = [claim.id, claim.says, verdictText(claim)];
      if (pairs.length === 1 && only) return [[...head, numbersOf(only)]];
      const held = pairs.filter(({ verdict }) => verdict === "confirmed").length;
      return [
        [...head, `${held} of ${pairs.length} hold`],
        ...pairs.map((pair) => ["", pair.asks, openText(pair.verdict, [pair]), numbersOf(pair)]),
      ];
    }),
  };
}

/** The section of a page that states a sweep's claims, each part between blank lines: the table, sources and notes. Empty without claims. */
export function claimsMarkdown(claims: readonly JudgedClaim[]): readonly string[] {
  if (claims.length === 0) return [];
  const facts = claims.flatMap(({ id, source, note }) => {
    const said = [...(source === undefined ? [] : [source]), ...(note === undefined ? [] : [note])];
    return said.length > 0 ? [`- ${escapeMarkdown(id)}: ${said.map(escapeMarkdown).join("; ")}`] : [];
  });
  return [
    "## Claims",
    "Points of per cent with 95 % intervals: paired bootstrap over test items and seeds, or Student's t over seeds where the table says so; not corrected for the number of claims.",
    markdownTable(claimsTable(claims)),
    ...(facts.length > 0 ? [facts.join("\n")] : []),
  ];
}

function numbersOf({ value, interval, over, unequalItems }: JudgedPair): string | undefined {
  if (value === undefined) return undefined;
  return `${pointsWithInterval({ value, ...(interval ? { interval } : {}) })}${over === "seeds" ? ", over seeds alone" : ""}${unequalItems ? ", unequal items" : ""}`;
}
