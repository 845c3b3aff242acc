import { stringify } from "yaml";
import type { MixtureCourse } from "../mixtures/course.ts";
import type { ComponentSpec } from "../util/component.ts";
import { ConfigError, type Problem } from "../util/config-problem.ts";
import { explainIssues } from "../util/config-schema.ts";
import {
  type ConfigLayer,
  type ConfigPath,
  type ConfigSource,
  formatPath,
  type MapNode,
  nodeAt,
  plainOf,
  type ScalarNode,
  scalars,
} from "../util/config-tree.ts";
import type { Place } from "../util/errors.ts";
import { type CamelKeys, camelKeys } from "../util/key-case.ts";
import { parseDuration } from "../util/units.ts";
import { readYaml, readYamlMap } from "../util/yaml-config.ts";
import { type ConfigInput, mergeLayers, type SpecRequest, secretProblems, unsetVariables } from "./spec-layers.ts";
import { courseOf } from "./spec-mixture.ts";
import { schemaFor } from "./spec-plugins.ts";
import { rateOf, type WithRate } from "./spec-rate.ts";
import { absoluteReference, type Environment, mayBePath, rebasedReference, substituteEnv } from "./spec-references.ts";
import { ruleProblems } from "./spec-rules.ts";
import { scheduleOf } from "./spec-schedule.ts";
import { type RunDocument, runJsonSchema, specVersion } from "./spec-schema.ts";
import { type AccountingSpec, type BudgetSpec, parseBudget, parseCount, parsePercent } from "./spec-values.ts";

type Filled = CamelKeys<RunDocument>;

/** When checkpoints are made and how many stay. */
interface CheckpointSpec {
  /** Time between two; undefined for never. */
  readonly everyMs?: number;
  readonly at: readonly "task_end"[];
  /** Generations kept beside those of task ends. */
  readonly keepLast: number;
}

/** A run as its files describe it: every default filled in, units read, paths absolute, references to the environment resolved. */
export interface RunSpec extends Omit<Filled, "extends" | "budget" | "data" | "optim" | "schedule" | "eval" | "checkpoint" | "methods"> {
  readonly data: Omit<Filled["data"], "augment" | "buffer" | "mixture" | "pretraining"> & {
    readonly augment: ComponentSpec;
    readonly buffer: ComponentSpec;
    readonly mixture: MixtureCourse;
    /** `subset` samples of the pool; all of it where there is no number. */
    readonly pretraining?: { readonly from: string; readonly subset?: number };
  };
  readonly budget: BudgetSpec;
  readonly methods: readonly ComponentSpec[];
  readonly optim: WithRate<Filled["optim"]>;
  /** A schedule of the catalogue. Its lengths below 1 are shares of a task's steps, else numbers of steps. */
  readonly schedule: ComponentSpec;
  readonly eval: Omit<Filled["eval"], "evaluator"> & { readonly evaluator?: ComponentSpec };
  readonly checkpoint: CheckpointSpec;
}

/** What reading a configuration gives. */
export interface ParsedSpec {
  readonly spec: RunSpec;
  /** The same with keys and units as files spell them. */
  readonly document: RunDocument;
  /** All layers merged, references unresolved, each value with its place. */
  readonly tree: MapNode;
  /** The texts as the user gave them. */
  readonly inputs: readonly ConfigInput[];
}

/** A value and where it came from. */
export interface ExplainedValue {
  readonly path: string;
  readonly value: unknown;
  readonly layer: ConfigLayer;
  readonly place?: Place;
}

export type { BudgetSpec, Environment, RunDocument, SpecRequest };

/**
 * Reads, merges and checks a run's configuration.
 * @throws {ConfigError} with every problem of the configuration, each with its file, line and column.
 */
export function readSpec(request: SpecRequest): ParsedSpec {
  const schema = runJsonSchema();
  const { tree, inputs, problems: unapplied } = mergeLayers(request, schema);
  const version = versionProblem(tree);
  if (version) throw new ConfigError([version]);
  const secrets = secretProblems(tree);
  const value = plainOf(tree, (node, path) => resolved(node, path, request.env));
  const parsed = schemaFor(value).safeParse(value);
  const issues = parsed.success ? [] : explainIssues(parsed.error.issues, tree, schema);
  const unset = unsetVariables(tree, request.env);
  const told = new Set([...secrets, ...unset].map(({ path }) => path));
  const rules = ruleProblems(tree, parsed.success ? parsed.data : value);
  const problems = [...unapplied, ...secrets, ...unset, ...issues.filter(({ path }) => !told.has(path)), ...rules];
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return { spec: specOf(parsed.data), document: parsed.data, tree, inputs };
}

function versionProblem(tree: MapNode): Problem | undefined {
  const node = nodeAt(tree, ["version"]);
  if (node?.kind !== "scalar" || typeof node.value !== "number" || node.value <= specVersion) return undefined;
  return {
    place: node.place,
    path: "version",
    message: `run files of version ${node.value} are newer than this program, which reads ${specVersion}`,
    fix: "use a newer Evergreen",
  };
}

function resolved(node: ScalarNode, path: ConfigPath, env: Environment): unknown {
  if (typeof node.value !== "string") return node.value;
  const text = substituteEnv(node.value, env);
  if (mayBePath(path)) return absoluteReference(text, node.source.base, env);
  if (text === node.value || !/^\$\{env:\w+\}$/.test(node.value)) return text;
  const scalar = readYaml(text, node.place.file, node.source);
  return scalar.kind === "scalar" ? scalar.value : text;
}

/** The one mapping from the file's keys and units to the program's. */
function specOf(document: RunDocument): RunSpec {
  const { extends: _, budget, data, optim, schedule, eval: evaluation, checkpoint, ...rest } = camelKeys(document);
  const { evaluator, ...scoring } = evaluation;
  const everyMs = parseDuration(checkpoint.every);
  return {
    ...rest,
    data: dataOf(data),
    budget: budgetOf(budget),
    optim: { ...optim, lr: rateOf(optim.lr, data.batchSize) },
    schedule: scheduleOf(schedule),
    eval: { ...scoring, ...(evaluator === undefined ? {} : { evaluator: named(evaluator) }) },
    checkpoint: { at: checkpoint.at, keepLast: checkpoint.keepLast, ...(everyMs === undefined ? {} : { everyMs }) },
  };
}

function dataOf({ pretraining, ...data }: Filled["data"]): RunSpec["data"] {
  const subset = parseCount(pretraining?.subset ?? 0);
  const pool = pretraining && { from: pretraining.from, ...(subset === undefined ? {} : { subset }) };
  return {
    ...data,
    mixture: courseOf(data.mixture),
    augment: named(data.augment),
    buffer: named(data.buffer),
    ...(pool ? { pretraining: pool } : {}),
  };
}

function budgetOf({ perTask, total, accounting, stepTime, allowance }: Filled["budget"]): BudgetSpec {
  const [scope, text] = perTask === undefined ? (["run", total ?? ""] as const) : (["task", perTask] as const);
  const amount = parseBudget(text);
  if (typeof amount === "string") throw new TypeError(`internal: budget ${text} passed the schema`);
  const stepMs = parseDuration(stepTime ?? "");
  return {
    scope,
    ...amount,
    ...(amount.unit === "flops" || amount.unit === "mafs" ? { accounting: accounting ?? defaultAccounting } : {}),
    ...(amount.unit === "time" && stepMs !== undefined ? { stepMs, allowance: parsePercent(allowance ?? "") ?? usualAllowance } : {}),
  };
}

/** What the time of a step wanders by on a machine that does other work too. */
const usualAllowance = 0.1;

/** It gives the published numbers of steps. */
const defaultAccounting: AccountingSpec = {
  multipliers: "published",
  stepsFrom: "closed-form",
  taskEnds: "fair",
  charge: "products",
  strict: false,
};

/** The configuration as `config.yaml` in `folder` holds it: complete, re-runnable, references to the environment kept as references. */
export function renderConfig(parsed: ParsedSpec, folder: string, env: Environment): string {
  const saved = plainOf(parsed.tree, (node, path) =>
    typeof node.value === "string" && mayBePath(path) ? rebasedReference(node.value, node.source.base, folder, env) : node.value,
  );
  const complete = filled(saved, parsed.document);
  const source: ConfigSource = { layer: "file", base: folder };
  const written = readYamlMap(JSON.stringify(complete), "config.yaml", source);
  const inert = new Set(ruleProblems(written, parsed.document).map(({ path }) => path));
  return stringify(without(complete, inert, []), { lineWidth: 0, version: "1.2" });
}

function without(value: unknown, dropped: ReadonlySet<string | undefined>, path: ConfigPath): unknown {
  if (!isMap(value)) return value;
  const kept = Object.entries(value).filter(([key]) => !dropped.has(formatPath([...path, key])));
  return Object.fromEntries(kept.map(([key, item]) => [key, without(item, dropped, [...path, key])]));
}

function filled(saved: unknown, complete: unknown): unknown {
  if (!isMap(saved) || !isMap(complete)) return saved;
  const keys = [...Object.keys(complete), ...Object.keys(saved).filter((key) => !(key in complete))];
  return Object.fromEntries(keys.map((key) => [key, key in saved ? filled(saved[key], complete[key]) : complete[key]]));
}

/** Absolute paths of the references, as hints for a run whose folder was moved away from its data. */
export function pathHints(parsed: ParsedSpec, env: Environment): Readonly<Record<string, string>> {
  const hints: Record<string, string> = {};
  for (const [path, node] of scalars(parsed.tree)) {
    if (typeof node.value !== "string" || node.value.includes("${env:") || !mayBePath(path)) continue;
    const absolute = absoluteReference(node.value, node.source.base, env);
    if (absolute !== node.value) hints[formatPath(path)] = absolute;
  }
  return hints;
}

/** Every value of the configuration with where it came from, in the order of the schema. */
export function explain(parsed: ParsedSpec): readonly ExplainedValue[] {
  const values: ExplainedValue[] = [];
  const visit = (value: unknown, path: ConfigPath): void => {
    if (isMap(value)) {
      for (const [key, item] of Object.entries(value)) visit(item, [...path, key]);
      return;
    }
    const node = nodeAt(parsed.tree, path);
    const origin = node
      ? { layer: node.source.layer, ...(node.source.layer === "built-in" ? {} : { place: node.place }) }
      : { layer: "built-in" as const };
    values.push({ path: formatPath(path), value: node ? plainOf(node, (scalar) => scalar.value) : value, ...origin });
  };
  visit(parsed.document, []);
  return values;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** A part that may be given by its name alone. */
const named = (part: string | { readonly name: string }): ComponentSpec =>
  typeof part === "string" ? { name: part } : (part as ComponentSpec);
