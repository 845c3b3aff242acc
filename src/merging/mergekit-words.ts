import { MergeError, type MergekitParameters, type MergeOperator } from "./operator.ts";

/**
 * An operator's own options for mergekit's `density`, `gamma` and `normalize`; what it does not know of stays, to be refused.
 * @throws {MergeError} for a share that the operator cannot take, in the words it was told in.
 */
export function inOurWords(name: string, operator: MergeOperator, given: Readonly<Record<string, unknown>>): object {
  const { mergekit, weights, isSum } = operator;
  const { density, gamma, normalize, ...own } = given;
  if (!mergekit) {
    // To weights it is said elsewhere.
    const { normalize: _, ...left } = given;
    return weights === "shares" || isSum ? left : given;
  }
  checkType("density", density, "number");
  checkType("gamma", gamma, "number");
  checkType("normalize", normalize, "boolean");
  const asked = { density, gamma, normalize } as MergekitParameters;
  const options = mergekit(asked);
  checkShares(name, operator, { asked, options });
  return { ...own, ...options };
}

function checkType(key: string, value: unknown, type: "number" | "boolean"): void {
  if (value === undefined || typeof value === type) return;
  const [what, example] = type === "number" ? ["a number", 0.5] : ["true or false", true];
  throw new MergeError(`${key}: expected ${what}, got ${JSON.stringify(value)}`, `as ${key}: ${example}`);
}

function checkShares(
  name: string,
  { options: schema }: MergeOperator,
  { asked: { density, gamma }, options }: { readonly asked: MergekitParameters; readonly options: object },
): void {
  const issue = schema.safeParse(options).error?.issues.find(({ path: [key] }) => key === "remove" || key === "top");
  if (!issue) return;
  const fix = "density is the share of the entries that stays, gamma that of the largest which go";
  if (density === undefined || (gamma ?? 0) < 0)
    throw new MergeError(`${name}: gamma: expected at least 0 and less than 1, got ${gamma}`, fix);
  const least =
    issue.code === "too_big" && issue.inclusive ? `at least ${Number((1 - Number(issue.maximum)).toPrecision(12))}` : "more than 0";
  throw new MergeError(`${name}: density: expected ${least} and at most 1, got ${density}`, fix);
}
