import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { recencies } from "../merging/shares.ts";
import { floatTypeNames } from "../models/float-types.ts";
import { ConfigError } from "../util/config-problem.ts";
import { explainIssues, type JsonSchema } from "../util/config-schema.ts";
import { plainOf } from "../util/config-tree.ts";
import { EvergreenError } from "../util/errors.ts";
import { readYamlMap } from "../util/yaml-config.ts";

const weight = z
  .union([z.number(), z.array(z.strictObject({ filter: z.string().optional(), value: z.number() })).min(1)])
  .describe('a number, or a list of {filter: "visual.*", value: 0.3}, of which the first that fits counts');
const share = z.number().describe("a number, the same for all models");
const parameters = z.record(z.string(), z.union([z.number(), z.string(), z.boolean()]));
const model = z.union([
  z.string(),
  z.strictObject({
    model: z.string().min(1),
    parameters: z.strictObject({ weight: weight.optional(), density: share.optional(), gamma: share.optional() }).optional(),
    statistics: z.string().optional().describe("a .safetensors file with what fisher or regmean needs of this model"),
  }),
]);
const tower = z.strictObject({ merge_method: z.string().optional(), parameters: parameters.optional() });

/** A merge as mergekit's users write it; `towers`, `weights`, `lines` and `statistics` are ours. */
const mergeSchema = z.strictObject({
  merge_method: z.string().default("linear").describe("an operator: evergreen merge ls"),
  base_model: z.string().optional(),
  models: z.array(model).min(1).describe("a list of models, oldest first"),
  parameters: parameters.default({}).describe("a map of the operator's options"),
  weights: z
    .strictObject({
      by_age: z.enum(recencies),
      reverse: z.boolean().default(false),
      include_base: z.boolean().default(false),
    })
    .optional(),
  towers: z.strictObject({ image: tower.optional(), text: tower.optional() }).default({}),
  lines: parameters.optional().describe("a map of the options of lines, {} for its defaults"),
  dtype: z.enum(floatTypeNames).optional(),
  seed: z.int().min(0).default(0),
  clamp_logit_scale: z.boolean().default(true),
});

/** A merge file's content; models named by path are as from the folder of the file. */
export type MergeFile = z.output<typeof mergeSchema>;

/** Reads a merge file. @throws {ConfigError} with each problem's place. */
export function readMergeFile(file: string): MergeFile {
  const base = dirname(resolve(file));
  const tree = readYamlMap(textOf(file), file, { layer: "file", base });
  const parsed = mergeSchema.safeParse(plainOf(tree, ({ value }) => value));
  if (!parsed.success)
    throw new ConfigError(explainIssues(parsed.error.issues, tree, z.toJSONSchema(mergeSchema, { io: "input" }) as JsonSchema));
  const fromOne = (path: string): string => (/^\.{1,2}[/\\]/.test(path) ? resolve(base, path) : path);
  const from = (reference: string): string => reference.split("?base=").map(fromOne).join("?base=");
  const { base_model: baseModel, models, ...rest } = parsed.data;
  return {
    ...rest,
    ...(baseModel === undefined ? {} : { base_model: from(baseModel) }),
    models: models.map((each) =>
      typeof each === "string"
        ? from(each)
        : { ...each, model: from(each.model), ...(each.statistics === undefined ? {} : { statistics: from(each.statistics) }) },
    ),
  };
}

/** What stands where there is no file. */
export function emptyMergeFile(models: readonly string[]): MergeFile {
  return mergeSchema.parse({ models });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new EvergreenError(`${file}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, {
      code: "EG-3001",
      exit: "config",
      fix: "give a merge file with -C FILE, or name the models and --method",
      cause,
    });
  }
}
