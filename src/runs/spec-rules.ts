import type { BatchSource } from "../mixtures/mixture.ts";
import type { Problem } from "../util/config-problem.ts";
import { type ConfigPath, formatPath, keyPlaceAt, type MapNode, nodeAt, placeAt } from "../util/config-tree.ts";
import { sharesIn } from "./spec-mixture.ts";
import { type BudgetSpec, parseBudget } from "./spec-values.ts";

/** What a rule may ask: the tree of what was written, and the plain value with defaults where the schema could give them. */
interface Asked {
  readonly root: MapNode;
  readonly value: unknown;
}

/** Keys that change nothing given the others, and keys that contradict each other. Tolerates a value of a wrong shape: the schema reports that. */
export function ruleProblems(root: MapNode, value: unknown): readonly Problem[] {
  const asked = { root, value };
  return [...mixtureRules(asked), ...budgetRules(asked), ...optimiserRules(asked), ...trainingRules(asked), ...evaluationRules(asked)];
}

function mixtureRules(asked: Asked): readonly Problem[] {
  const mixture = ["data", "mixture"];
  const written = read(asked, mixture);
  const found = sharesIn(written);
  const problems = found.flatMap(({ path, shares }): readonly Problem[] => {
    const listed = ["update", "buffer", "pretraining"].map((name) => [name, (shares as Readonly<Record<string, unknown>>)[name]] as const);
    const total = listed.reduce((sum, [, share]) => sum + (typeof share === "number" ? share : Number.NaN), 0);
    if (!(Math.abs(total - 1) > 1e-6)) return [];
    const at = [...mixture, ...path];
    const text = listed.map(([name, share]) => `${name} ${share}`).join(", ");
    const message = `shares add up to ${Number(total.toFixed(9))}, expected 1 (${text})`;
    return [{ place: placeAt(asked.root, at), path: formatPath(at), message }];
  });
  const isNever = (source: BatchSource): boolean => found.length > 0 && found.every(({ shares }) => shares[source] === 0);
  const because = (source: BatchSource): string =>
    isMap(written) ? `data.mixture.${source} is 0` : `data.mixture never gives ${source} a share`;
  if (isNever("pretraining")) problems.push(...inert(asked, ["data", "pretraining"], because("pretraining")));
  if (isNever("buffer")) for (const key of ["first_task_rule", "buffer"]) problems.push(...inert(asked, ["data", key], because("buffer")));
  for (const source of ["update", "buffer"] as const)
    if (isNever(source)) problems.push(...inert(asked, ["data", "draws", source], because(source)));
  return problems;
}

function budgetRules(asked: Asked): readonly Problem[] {
  const [given] = ["per_task", "total"].flatMap((key) => {
    const text = read(asked, ["budget", key]);
    return typeof text === "string" ? [{ key, text, amount: parseBudget(text) }] : [];
  });
  if (!given || typeof given.amount === "string") return [];
  const { unit } = given.amount;
  const because = `budget.${given.key} is ${given.text}`;
  const accounting = ["budget", "accounting"];
  const ofTime = ["step_time", "allowance"].map((name) => ["budget", name]);
  if (unit !== "time") {
    const ofFlops = { flops: [[...accounting, "multipliers"]], mafs: [], samples: [accounting], steps: [accounting] }[unit];
    return [...ofFlops, ...ofTime].flatMap((path) => inert(asked, path, because)).concat(chargeRules(asked, unit));
  }
  const problems = [...inert(asked, accounting, because)];
  if (read(asked, ["budget", "step_time"]) === undefined)
    problems.push({
      place: placeAt(asked.root, ["budget", given.key]),
      path: "budget.step_time",
      message: `a budget of time needs the time of a step, as "350ms"`,
      fix: "evergreen plan --calibrate measures it",
    });
  return problems;
}

/** The closed form and the published table know products alone, and the memory of the device. */
function chargeRules(asked: Asked, unit: BudgetSpec["unit"]): readonly Problem[] {
  const accounting = ["budget", "accounting"];
  const needed = { mafs: ["steps_from", "multipliers"], flops: ["steps_from"], samples: [], steps: [], time: [] }[unit];
  if (read(asked, [...accounting, "charge"]) !== "all") return [];
  return needed
    .filter((key) => read(asked, [...accounting, key]) !== "metered")
    .map((key) => ({
      place: placeAt(asked.root, [...accounting, "charge"]),
      path: formatPath([...accounting, key]),
      message: "budget.accounting.charge: all charges what the published numbers do not know",
      fix: `set budget.accounting.${key}: metered`,
    }));
}

function optimiserRules(asked: Asked): readonly Problem[] {
  return read(asked, ["optim", "wd"]) === 0 ? inert(asked, ["optim", "decay_applies_to"], "optim.wd is 0") : [];
}

function trainingRules(asked: Asked): readonly Problem[] {
  const train = ["model", "train"];
  const image = read(asked, [...train, "image"]);
  const text = read(asked, [...train, "text"]);
  const scale = read(asked, [...train, "logit_scale"]);
  const problems: Problem[] = [];
  if (image === "none" && text === "none" && scale === false)
    problems.push({
      place: placeAt(asked.root, train),
      path: formatPath(train),
      message: "nothing is left to train; expected image, text or logit_scale to learn",
    });
  if (scale === false) problems.push(...inert(asked, ["loss", "clamp_logit_scale"], "model.train.logit_scale is false"));
  const batch = read(asked, ["data", "batch_size"]);
  const micro = read(asked, ["engine", "micro_batch"]);
  if (typeof batch === "number" && typeof micro === "number" && micro >= batch)
    problems.push(...inert(asked, ["engine", "micro_batch"], `data.batch_size is ${batch}`));
  return problems;
}

function evaluationRules(asked: Asked): readonly Problem[] {
  if (read(asked, ["eval", "suite"]) !== "none") return [];
  return [
    ["eval", "during"],
    ["eval", "splits"],
    ["eval", "evaluator"],
    ["eval", "batch_size"],
  ].flatMap((path) => inert(asked, path, "eval.suite is none"));
}

function inert({ root }: Asked, path: ConfigPath, because: string): readonly Problem[] {
  if (!nodeAt(root, path)) return [];
  return [{ place: keyPlaceAt(root, path), path: formatPath(path), message: `has no effect: ${because}`, fix: "remove it" }];
}

const isMap = (value: unknown): boolean => value !== null && typeof value === "object" && !Array.isArray(value);

function read({ value }: Asked, path: ConfigPath): unknown {
  let found = value;
  for (const part of path)
    found = found !== null && typeof found === "object" ? (found as Record<string | number, unknown>)[part] : undefined;
  return found;
}
