import { isAbsolute } from "node:path";
import { z } from "zod";
import { drawRules } from "../mixtures/balanced-order.ts";
import type { JsonSchema } from "../util/config-schema.ts";
import { parseBytes, parseDuration } from "../util/units.ts";
import { mixtureSchema } from "./spec-mixture.ts";
import { rateSchema } from "./spec-rate.ts";
import { scheduleSchema } from "./spec-schedule.ts";
import { parseBudget, parseCount, parsePercent, parseWarmup } from "./spec-values.ts";

/** The first version of the run file; a later one is refused by number. */
export const specVersion = 1;
/** Maps that name a part: another name takes the place of the whole map. */
export const partPaths: ReadonlySet<string> = new Set([
  "optim",
  "schedule",
  "loss",
  "data.augment",
  "data.buffer",
  "stream.order",
  "eval.evaluator",
]);
/** The name each of those parts has when the file gives none. */
export const defaultParts = { optim: "adamw", schedule: "cosine-warmup", loss: "clip" } as const;

const trainable = z
  .union([z.literal(["all", "none"]), z.string().regex(/^last:[1-9]\d*$/), z.array(z.string().min(1)).min(1)])
  .describe('all, none, "last:N" or a list of parameter patterns');
const budget = z.string().check((context) => {
  const parsed = parseBudget(context.value);
  if (typeof parsed === "string") context.issues.push({ code: "custom", message: parsed, input: context.value });
});
const accounting = z.strictObject({
  multipliers: z
    .enum(["published", "metered"])
    .default("published")
    .describe("published or metered: where a method's peak memory comes from"),
  steps_from: z.enum(["closed-form", "metered"]).default("closed-form").describe("closed-form or metered: where a step's FLOPs come from"),
  task_ends: z
    .enum(["fair", "published"])
    .default("fair")
    .describe("what methods do at a task's end is charged: fair, once; published, with every step, as arXiv:2408.14471 charges EWC"),
  charge: z
    .enum(["products", "all"])
    .default("products")
    .describe(
      "products: matrix products, convolutions and attention, each once, as arXiv:2408.14471 counts; all: every operation, what is computed again, merges, and memory of offloaded state",
    ),
  strict: z.boolean().default(false).describe("true to round steps down, so that the budget is never passed"),
});
const duration = z.string().refine((text) => (parseDuration(text) ?? 0) > 0);
const word = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
  .describe("a word of letters, digits, dots, dashes and underscores, at most 64");
const rate = z.number().min(0);
const beta = z.number().min(0).max(0.999_999_999);
const betas = (first: number, second: number) => z.tuple([beta, beta]).default([first, second]);
const eps = z.number().gt(0).default(1e-8);
/** What a run file says of every optimizer. */
export const stepOptions = {
  lr: rateSchema,
  wd: rate.default(0.2),
  clip_grad_norm: rate.default(1).describe("global L2 norm of the gradient, 0 for no limit"),
  decay_applies_to: z.enum(["openclip", "standard", "published"]).default("openclip"),
};

/** What it says of every loss. */
export const lossOptions = {
  duplicates: z.enum(["ignore", "mask-caption", "mask-class"]).default("ignore"),
  clamp_logit_scale: z.boolean().default(true),
  temperature: z.number().gt(0).optional().describe("a number > 0: the temperature to start from; the model's own when absent"),
};
const model = z.strictObject({
  arch: z.string().min(1).describe("the name of an architecture, as ViT-B-32"),
  init: z.string().min(1).describe("a weights file, a run, or random"),
  precision: z.enum(["fp32", "bf16"]).default("fp32"),
  train: z
    .strictObject({ image: trainable.default("all"), text: trainable.default("all"), logit_scale: z.boolean().default(true) })
    .prefault({}),
});
const data = z.strictObject({
  mixture: mixtureSchema,
  draws: z.strictObject({ update: z.enum(drawRules).default("uniform"), buffer: z.enum(drawRules).default("uniform") }).prefault({}),
  pretraining: z
    .strictObject({
      from: z.string().min(1).describe("where the pretraining pool lies"),
      subset: z
        .union([z.int().min(1), z.string().refine((text) => parseCount(text) !== undefined)])
        .optional()
        .describe('a number of samples as "2M", drawn from the pool by the seed; all when absent'),
    })
    .optional(),
  buffer: z
    .union([z.string().min(1), z.looseObject({ name: z.string().min(1) })])
    .default("unlimited")
    .describe("the name of a buffer, or a map of its name and options, as {name: reservoir, capacity: 5000}"),
  augment: z
    .union([z.string().min(1), z.looseObject({ name: z.string().min(1) })])
    .default("openclip")
    .describe("the name of an augmentation, or a map of its name and options"),
  captions: z
    .enum(["own", "shuffled"])
    .default("own")
    .describe("own, or shuffled: every streamed image is told by another one's caption and class, as a control that must not learn"),
  batch_size: z.int().min(1).default(512).describe("a whole number >= 1: rows of a step over all devices"),
  workers: z.union([z.literal("auto"), z.int().min(0).max(256)]).default("auto"),
  preload: z
    .enum(["none", "test", "all"])
    .default("none")
    .describe(
      "none, test or all: files of the pictures that are scored, or of those trained on too, are read once first, into the system's cache",
    ),
  first_task_rule: z.enum(["split", "oversample-update"]).default("split"),
  on_unreadable: z.enum(["skip", "refuse"]).default("skip"),
});
const evaluation = z.strictObject({
  suite: z
    .union([z.literal(["none", "auto"]), z.array(z.string().min(1)).min(1)])
    .default("auto")
    .describe("none, auto or a list of data sets"),
  during: z
    .strictObject({
      every: z
        .union([z.literal(["task", "never"]), z.int().min(1)])
        .default("task")
        .describe("task, never or a number of tasks"),
      inside: z
        .array(z.int().min(1))
        .min(1)
        .optional()
        .describe("a list of steps, as [1, 5, 25]: after each of them in every task the weights are evaluated too, on the subset"),
      subset: z
        .string()
        .refine((text) => (parseWarmup(text) ?? 0) > 0)
        .optional()
        .describe('a share of each set\'s test items as "10%", of evaluations between the first and the last; all when absent'),
    })
    .prefault({}),
  splits: z
    .enum(["tic"])
    .optional()
    .describe("tic: after each task the test items of every task's own concepts are scored apart, and those of the sets held out"),
  on: z
    .enum(["test", "validation"])
    .default("test")
    .describe("test, or validation: a fifth of the training samples, held back by the seed, while settings are being chosen"),
  evaluator: z
    .union([z.string().min(1), z.looseObject({ name: z.string().min(1) })])
    .optional()
    .describe("the name of an evaluator, or a map of its name and options, for the sets it can score; the others keep their usual one"),
  batch_size: z.int().min(1).optional(),
});
const checkpoint = z.strictObject({
  every: z
    .string()
    .refine((text) => text === "never" || (parseDuration(text) ?? 0) > 0)
    .default("15m")
    .describe('a time as "15m" or "2h", or never'),
  at: z.array(z.enum(["task_end"])).default(["task_end"]),
  keep_last: z.int().min(1).default(2),
});
const engine = z.strictObject({
  threads: z.union([z.literal("auto"), z.int().min(1)]).default("auto"),
  device: z
    .string()
    .regex(/^[a-z]+(:\d+)?$/)
    .default("auto")
    .describe('auto or the name of a device, as "cuda:0"'),
  micro_batch: z.int().min(1).optional(),
  activation_checkpointing: z.boolean().default(false),
  memory_limit: z
    .string()
    .refine((text) => (parseBytes(text) ?? 0) > 0)
    .optional()
    .describe('a size as "8 GiB": what the engine may take; 90 % of the machine when absent'),
});

/** The run file, with its keys as files spell them. Units stay texts here; `toSpec` reads them. */
export const runSchema = z.strictObject({
  version: z.literal(specVersion).default(specVersion),
  extends: z.array(z.string().min(1)).optional().describe('a list of "preset:NAME" and files'),
  plugins: z
    .array(z.string().refine((folder) => isAbsolute(folder), { error: "a folder, as ./my-parts" }))
    .optional()
    .describe("a list of folders of your own parts, as [./my-parts]"),
  name: word.default("run"),
  project: word.default("default"),
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(0),
  model,
  stream: z.strictObject({
    from: z.string().min(1).describe("where the stream's data lies, as ./photos or mini-flux"),
    tasks: z.int().min(1).optional(),
    order: z
      .union([z.string().min(1), z.looseObject({ name: z.string().min(1) })])
      .default("given")
      .describe("the name of an ordering, or a map of its name and options, reverse and prefix among them"),
    cut_by: z.enum(["concepts", "samples"]).optional().describe("what tasks have equally many of; concepts when absent"),
    scores: z.string().min(1).optional().describe("a file that evergreen stream score made"),
  }),
  data: data.prefault({}),
  budget: z
    .strictObject({
      per_task: budget.optional(),
      total: budget.optional(),
      accounting: accounting.optional(),
      step_time: duration.optional().describe('a time as "350ms": what a step takes, for budgets of time'),
      allowance: z
        .string()
        .refine((text) => parsePercent(text) !== undefined)
        .optional()
        .describe('a share as "10%", which it is when absent: by how much the steps of a budget of time may pass it before the run stops'),
    })
    .refine((given) => (given.per_task === undefined) !== (given.total === undefined), {
      error: 'one of {per_task: "10 steps"} and {total: "6400 samples"}',
    }),
  methods: z
    .array(z.looseObject({ name: z.string().min(1) }))
    .default([])
    .describe("a list of methods, each a map of its name and options, as [{name: ewc, lambda: 100}]"),
  optim: z.discriminatedUnion("name", [
    z.strictObject({ name: z.literal("adamw"), ...stepOptions, betas: betas(0.9, 0.999), eps }),
    z.strictObject({ name: z.literal("sgd"), ...stepOptions, momentum: z.number().min(0).lt(1).default(0.9) }),
    z.strictObject({ name: z.literal("lion"), ...stepOptions, betas: betas(0.9, 0.99) }),
    z.strictObject({
      name: z.literal("muon"),
      ...stepOptions,
      momentum: beta.default(0.95),
      nesterov: z.boolean().default(true),
      ns_steps: z.int().min(1).max(99).default(5),
      scale: z.enum(["match-adamw", "original"]).default("match-adamw").describe("of a matrix's step, by its sides"),
      betas: betas(0.9, 0.95),
      eps,
    }),
    z.strictObject({
      name: z.literal("galore"),
      ...stepOptions,
      r: z.int().min(1).default(128).describe("dimensions that gradients are projected to"),
      gap: z.int().min(1).default(200).describe("steps between two projections"),
      scale: z.number().gt(0).default(0.25),
      moments_at_gap: z.enum(["keep", "reset"]).default("keep"),
      betas: betas(0.9, 0.999),
      eps,
    }),
  ]),
  schedule: scheduleSchema,
  loss: z.discriminatedUnion("name", [
    z.strictObject({ name: z.literal("clip"), ...lossOptions }),
    z.strictObject({ name: z.literal("siglip"), ...lossOptions }),
  ]),
  eval: evaluation.prefault({}),
  checkpoint: checkpoint.prefault({}),
  engine: engine.prefault({}),
});
/** A run file with every default filled in. */
export type RunDocument = z.output<typeof runSchema>;

/** JSON Schema of the run file, for editors. */
export function runJsonSchema(): JsonSchema & Readonly<Record<string, unknown>> {
  return z.toJSONSchema(runSchema, { io: "input" }) as JsonSchema & Record<string, unknown>;
}
