import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { ConfigError } from "../util/config-problem.ts";
import { explainIssues, type JsonSchema } from "../util/config-schema.ts";
import { plainOf } from "../util/config-tree.ts";
import { EvergreenError } from "../util/errors.ts";
import { readYamlMap } from "../util/yaml-config.ts";
import { claimsSchema } from "./claim-schema.ts";
import { type Claim, readClaims } from "./claims.ts";

/** Values of one setting: a list, each named by itself, or a map from a name to the value. */
const axis = z
  .union([z.array(z.unknown()).min(1), z.record(z.string().min(1), z.unknown())])
  .describe("a list of values, or a map of names and values");

const sweepSchema = z.strictObject({
  version: z.literal(1).default(1),
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,39}$/)
    .describe("a word of lower-case letters, digits and dashes, at most 40"),
  about: z.string().optional().describe("a text: the question that the sweep asks"),
  run: z.array(z.string().min(1)).min(1).describe('a list of run files, "preset:NAME" among them, that every trial begins from'),
  set: z.record(z.string(), z.unknown()).default({}).describe("a map of settings that all trials share, as {budget.per_task: 30 steps}"),
  variants: z
    .record(z.string().min(1), z.record(z.string(), z.unknown()))
    .optional()
    .describe("a map from a name to the settings that belong together under it"),
  grid: z.record(z.string(), axis).default({}).describe("a map from a setting to its values; every combination is a trial"),
  scale: z.enum(["small", "full"]).default("small").describe("small or full: how far its verdicts reach"),
  claims: claimsSchema.default({}).describe("a map from a claim's name to what it says and needs"),
  results: z.string().min(1).describe("a folder: one JSON for every finished trial"),
});

/** One run of a sweep. */
export interface Trial {
  /** Of the labels, in the order of the axes: a name for files. */
  readonly id: string;
  /** What it has on each axis. */
  readonly labels: Readonly<Record<string, string>>;
  /** `KEY=VALUE`, over the run files. */
  readonly set: readonly string[];
}

/** A grid of runs over a run file. */
export interface Sweep {
  readonly name: string;
  readonly about?: string;
  /** Run files as they are named: `preset:NAME`, or absolute paths. */
  readonly run: readonly string[];
  /** Absolute folder of results. */
  readonly results: string;
  /** Names of the axes, `variant` first where there are variants. */
  readonly axes: readonly string[];
  readonly trials: readonly Trial[];
  /** Of its models and data: a verdict at small scale is none at full scale. */
  readonly scale: "small" | "full";
  /** In the order of the file. */
  readonly claims: readonly Claim[];
}

/** What trials are gathered by: their labels without the seed, as the table and claims name them. */
export function cellOf(labels: Readonly<Record<string, string>>): string {
  const { seed: _, ...rest } = labels;
  return Object.values(rest).join(", ") || "all";
}

/** What is wrong with a sweep as a whole. */
class SweepError extends EvergreenError {
  constructor(message: string, fix: string) {
    super(message, { code: "EG-3301", exit: "config", fix });
  }
}

/**
 * Reads a sweep: every combination of its variants and grid, the last axis varying fastest.
 * @throws {ConfigError} with each problem's place; {SweepError} when two trials have one name.
 */
export function readSweep(file: string): Sweep {
  const base = dirname(resolve(file));
  const tree = readYamlMap(textOf(file), file, { layer: "file", base });
  const parsed = sweepSchema.safeParse(plainOf(tree, ({ value }) => value));
  if (!parsed.success)
    throw new ConfigError(explainIssues(parsed.error.issues, tree, z.toJSONSchema(sweepSchema, { io: "input" }) as JsonSchema));
  const { name, about, run, set, variants, grid, results, scale } = parsed.data;
  const shared = Object.entries(set).map(([key, value]) => setting(key, value));
  const axes: readonly Axis[] = [
    ...(variants
      ? [
          {
            name: "variant",
            points: Object.entries(variants).map(([label, of]) => ({
              label,
              set: Object.entries(of).map(([key, value]) => setting(key, value)),
            })),
          },
        ]
      : []),
    ...Object.entries(grid).map(([key, values]) => ({ name: key, points: pointsOf(key, values) })),
  ];
  const trials = combined(axes).map((points): Trial => {
    const labels = Object.fromEntries(points.map(({ label }, i) => [axes[i]?.name ?? "", label]));
    return {
      id: trialId(points.map(({ label }, i) => (axes[i]?.name === "seed" ? `seed ${label}` : label))),
      labels,
      set: [...shared, ...points.flatMap((point) => point.set)],
    };
  });
  const twice = trials.find(({ id }, i) => trials.findIndex((other) => other.id === id) !== i);
  if (twice)
    throw new SweepError(
      `${file}: two trials are called "${twice.id}"`,
      "give one of them a name of other letters: variants by their key, values by a map in place of the list",
    );
  const { claims, problems } = readClaims(parsed.data.claims, [...new Set(trials.map(({ labels }) => cellOf(labels)))], tree);
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    name,
    ...(about === undefined ? {} : { about }),
    run: run.map((each) => (each.startsWith("preset:") ? each : resolve(base, each))),
    results: resolve(base, results),
    axes: axes.map((each) => each.name),
    trials,
    scale,
    claims,
  };
}

interface Point {
  readonly label: string;
  readonly set: readonly string[];
}
interface Axis {
  readonly name: string;
  readonly points: readonly Point[];
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new SweepError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`, "name a sweep's file with -C");
  }
}

function pointsOf(key: string, values: readonly unknown[] | Readonly<Record<string, unknown>>): readonly Point[] {
  const named = Array.isArray(values) ? values.map((value) => [labelOf(value), value] as const) : Object.entries(values);
  return named.map(([label, value]) => ({ label, set: [setting(key, value)] }));
}

/** A part is named by its name, anything else by how it is written. */
function labelOf(value: unknown): string {
  const name = (value as { readonly name?: unknown } | null)?.name;
  if (typeof name === "string") return name;
  return typeof value === "string" ? value : JSON.stringify(value);
}

const setting = (key: string, value: unknown): string => `${key}=${JSON.stringify(value)}`;

function combined(axes: readonly Axis[]): readonly (readonly Point[])[] {
  return axes.reduce<readonly (readonly Point[])[]>(
    (found, { points }) => found.flatMap((left) => points.map((point) => [...left, point])),
    [[]],
  );
}

function trialId(labels: readonly string[]): string {
  const id = labels
    .map((label) =>
      label
        .toLowerCase()
        .replaceAll("+", " plus ")
        .replace(/[^a-z0-9.]+/g, "-")
        .replace(/^-+|-+$/g, ""),
    )
    .join("-");
  return id === "" ? "all" : id.slice(0, 90);
}
