import { z } from "zod";
import type { Problem } from "../util/config-problem.ts";
import { type ConfigNode, type ConfigPath, formatPath, keyPlaceAt, nodeAt, placeAt } from "../util/config-tree.ts";
import { hint } from "../util/errors.ts";

const name = z.union([z.string().min(1), z.number(), z.boolean()]);
const cells = z.union([name, z.array(name).min(1)]).describe('a cell as the table names it, several axes as "a, b", or a list of cells');
const than = cells.describe('a cell, a list of cells, or "start": the model before training');

const testSchema = z.strictObject({
  metric: z.string().min(1).optional().describe("ka, zs, gm, distance or the name of a data set"),
  spread: z.string().min(1).optional().describe("ka, zs, gm or the name of a data set: how far apart the cells of a group lie in it"),
  of: cells.optional(),
  above: than.optional(),
  below: than.optional(),
  near: than.optional(),
  by: z.number().optional().describe("points of per cent, 0 when absent"),
  within: z.number().positive().optional().describe("points of per cent > 0"),
  at: z
    .union([z.enum(["first", "end", "peak", "lowest"]), z.int().min(1)])
    .optional()
    .describe("first, end, peak, lowest, or after how many tasks"),
  any: z.boolean().optional().describe("true where one pair is enough"),
  oracle: name.optional().describe("the cell of the upper bound, which metric: distance draws its line to"),
  over: cells.optional(),
  with: cells.optional(),
});

/** `claims:` of a sweep's file. */
export const claimsSchema = z.record(
  z.string().min(1),
  z.strictObject({
    says: z.string().min(1).describe("a sentence: what is claimed"),
    source: z.string().min(1).optional().describe("where it was claimed"),
    needs: z.union([testSchema, z.array(testSchema).min(1)]).describe("a test or a list of tests, all of which must hold"),
    note: z.string().min(1).optional().describe("a sentence: what to keep in mind"),
  }),
);
type ClaimDocument = z.output<typeof claimsSchema>[string];
type TestDocument = z.output<typeof testSchema>;

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

interface Where {
  readonly tree: ConfigNode;
  readonly path: ConfigPath;
}

function unknownCells(test: TestDocument, known: readonly string[], { tree, path }: Where): readonly Problem[] {
  const places = ["of", "above", "below", "near", "oracle", "over", "with"] as const;
  return places.flatMap((key) => {
    const value = test[key];
    if (value === undefined || isWord(test, key)) return [];
    return namesOf(value).flatMap((cell, i): readonly Problem[] => {
      if (known.includes(cell)) return [];
      const at: ConfigPath = [...path, key, ...(Array.isArray(value) ? [i] : [])];
      return [{ place: placeAt(tree, at), path: formatPath(at), message: `no cell is called "${cell}"`, fix: hint(cell, known) }];
    });
  });
}

/** True where the value is a word of the language and no cell. */
function isWord(test: TestDocument, key: keyof TestDocument): boolean {
  if (test.spread !== undefined) return (key === "above" || key === "below") && test[key] === "spread";
  return (key === "above" || key === "below" || key === "near") && test[key] === "start";
}

/** What each kind of test takes beside `at`, and what it must have. */
const forms = {
  metric: { takes: ["metric", "of", "above", "below", "near", "by", "within", "any", "oracle"], needs: ["of"] },
  spread: { takes: ["spread", "over", "above", "below", "by", "with"], needs: ["over", "with"] },
} as const satisfies Readonly<
  Record<string, { readonly takes: readonly (keyof TestDocument)[]; readonly needs: readonly (keyof TestDocument)[] }>
>;

function contradictions(test: TestDocument, where: Where): readonly Problem[] {
  const { tree, path } = where;
  const whole = (message: string, fix: string): Problem => ({ place: placeAt(tree, path), path: formatPath(path), message, fix });
  const at = (key: string, message: string, fix: string): Problem => {
    const own = [...path, key];
    return nodeAt(tree, own) ? { place: keyPlaceAt(tree, own), path: formatPath(own), message, fix } : whole(message, fix);
  };
  if ((test.metric === undefined) === (test.spread === undefined))
    return [whole("expected one of metric and spread", "say metric: zs with of, or spread: zs with over")];
  const kind = test.spread === undefined ? "metric" : "spread";
  const { takes, needs } = forms[kind];
  const sides = (["above", "below", "near"] as const).filter((key) => test[key] !== undefined);
  const foreign = (Object.keys(test) as (keyof TestDocument)[]).filter(
    (key) => key !== "at" && !(takes as readonly string[]).includes(key),
  );
  const problems = [
    ...foreign.map((key) => at(key, `has no effect with ${kind}`, "remove it")),
    ...needs.filter((key) => test[key] === undefined).map((key) => whole(`${key} is missing`, `name cells with ${key}`)),
  ];
  if (foreign.length > 0) return problems;
  if (sides.length !== 1)
    problems.push(
      whole(`expected one of above, below${kind === "metric" ? " and near" : ""}, got ${sides.length}`, "a test asks one thing"),
    );
  if (kind === "spread") {
    const [side] = sides;
    if (side && test[side] !== "spread") problems.push(at(side, "expected spread", `say ${side}: spread, and the other cells with with`));
    return problems;
  }
  const isNear = test.near !== undefined;
  if (isNear && test.within === undefined) problems.push(whole("within is missing", "say how many points near is"));
  if (!isNear && test.within !== undefined) problems.push(at("within", "has no effect without near", "say by"));
  if (isNear && test.by !== undefined) problems.push(at("by", "has no effect with near", "say within"));
  return [...problems, ...distanceProblems(test, whole, at)];
}

function distanceProblems(
  { metric, oracle, at: point }: TestDocument,
  whole: (message: string, fix: string) => Problem,
  at: (key: string, message: string, fix: string) => Problem,
): readonly Problem[] {
  if (metric !== "distance") return oracle === undefined ? [] : [at("oracle", "has no effect without metric: distance", "remove it")];
  if (oracle === undefined) return [whole("oracle is missing", "name the cell of the upper bound, which the line leads to")];
  return point === undefined || point === "end" ? [] : [at("at", "a distance is told of the end alone", "remove it")];
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

type Name = z.output<typeof name>;
const cellText = (given: Name): string => (typeof given === "string" ? given : JSON.stringify(given));

/** Names of cells as labels are written. */
function namesOf(given: Name | readonly Name[] | undefined): readonly string[] {
  if (given === undefined) return [];
  return (Array.isArray(given) ? given : [given]).map(cellText);
}
