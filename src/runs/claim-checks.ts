import type { Problem } from "../util/config-problem.ts";
import { type ConfigNode, type ConfigPath, formatPath, keyPlaceAt, placeAt } from "../util/config-tree.ts";
import { hint } from "../util/errors.ts";
import { namesOf, type TestDocument } from "./claim-schema.ts";

/** Metrics that are no data set. */
const scores = ["ka", "zs", "gm", "ka+zs", "distance"];

/** The text that a test stands in. */
export interface Where {
  readonly tree: ConfigNode;
  readonly path: ConfigPath;
}

/** Names that no cell has. */
export function unknownCells(test: TestDocument, known: readonly string[], { tree, path }: Where): readonly Problem[] {
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

/** What does not hang together in a test. */
export function contradictions(test: TestDocument, where: Where): readonly Problem[] {
  const tell = tellerOf(where);
  if ((test.metric === undefined) === (test.spread === undefined))
    return [tell("expected one of metric and spread", "say metric: zs with of, or spread: zs with over")];
  const kind = test.spread === undefined ? "metric" : "spread";
  const { takes, needs } = forms[kind];
  const sides = (["above", "below", "near"] as const).filter((key) => test[key] !== undefined);
  const foreign = (Object.keys(test) as (keyof TestDocument)[]).filter(
    (key) => key !== "at" && !(takes as readonly string[]).includes(key),
  );
  const problems = [
    ...foreign.map((key) => tell(`has no effect with ${kind}`, "remove it", key)),
    ...needs.filter((key) => test[key] === undefined).map((key) => tell(`${key} is missing`, `name cells with ${key}`)),
  ];
  if (foreign.length > 0) return problems;
  if (sides.length !== 1)
    problems.push(
      tell(`expected one of above, below${kind === "metric" ? " and near" : ""}, got ${sides.length}`, "a test asks one thing"),
    );
  const own = kind === "spread" ? spreadProblems(test, sides[0], tell) : [...nearProblems(test, tell), ...distanceProblems(test, tell)];
  return [...problems, ...metricProblems(test[kind] ?? "", kind, tell), ...own];
}

/** A problem with the whole test, or with one of its keys. */
type Tell = (message: string, fix: string, key?: string) => Problem;

function tellerOf({ tree, path }: Where): Tell {
  return (message, fix, key) => {
    const own = key === undefined ? path : [...path, key];
    return { place: key === undefined ? placeAt(tree, own) : keyPlaceAt(tree, own), path: formatPath(own), message, fix };
  };
}

function metricProblems(metric: string, kind: "metric" | "spread", tell: Tell): readonly Problem[] {
  const meant = scores.find((score) => score === metric.toLowerCase() && score !== metric);
  if (meant) return [tell(`no metric is called "${metric}"`, `did you mean "${meant}"?`, kind)];
  return kind === "spread" && metric === "distance" ? [tell("a distance has no spread", "say ka, zs or gm", kind)] : [];
}

function spreadProblems(test: TestDocument, side: "above" | "below" | "near" | undefined, tell: Tell): readonly Problem[] {
  if (!side || test[side] === "spread") return [];
  return [tell("expected spread", `say ${side}: spread, and the other cells with with`, side)];
}

function nearProblems({ near, within, by }: TestDocument, tell: Tell): readonly Problem[] {
  if (near === undefined) return within === undefined ? [] : [tell("has no effect without near", "say by", "within")];
  return [
    ...(within === undefined ? [tell("within is missing", "say how many points near is")] : []),
    ...(by === undefined ? [] : [tell("has no effect with near", "say within", "by")]),
  ];
}

function distanceProblems({ metric, oracle, at }: TestDocument, tell: Tell): readonly Problem[] {
  if (metric !== "distance") return oracle === undefined ? [] : [tell("has no effect without metric: distance", "remove it", "oracle")];
  if (oracle === undefined) return [tell("oracle is missing", "name the cell of the upper bound, which the line leads to")];
  return at === undefined || at === "end" ? [] : [tell("a distance is told of the end alone", "remove it", "at")];
}
