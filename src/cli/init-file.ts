import { parseDocument, stringify } from "yaml";

/** What a new run file is made from. */
export interface InitFacts {
  readonly name: string;
  /** `stream.from`, relative to the file. */
  readonly from: string;
  /** One line on what was found. */
  readonly found: string;
  readonly arch: string;
  readonly init: string;
  /** The embedded small model, which takes larger batches and rates than a published one. */
  readonly isEmbedded: boolean;
  readonly train: number;
  readonly test: number;
  readonly concepts: number;
  /** Every concept has a year: a task a year. */
  readonly isDated: boolean;
  readonly hasDrawings: boolean;
}

/** Passes over the data that the file gives to begin with. */
const passes = 5;

/** Samples of a step: at most this many for a published model on a common machine, and never more than there are. */
function batchOf({ isEmbedded, train }: InitFacts): number {
  return Math.max(1, Math.min(isEmbedded ? 128 : 32, train));
}

/** The run file, commented. Every value in it is as `train` takes it. */
export function initFile(facts: InitFacts): string {
  const { name, from, found, arch, init, isEmbedded, isDated, concepts, train, test } = facts;
  const tasks = isDated ? undefined : Math.max(1, Math.min(4, concepts));
  const batch = batchOf(facts);
  const steps = Math.max(10, Math.ceil((passes * train) / (tasks ?? 1) / batch));
  const text = (value: string): string => stringify(value, { lineWidth: 0 }).trimEnd();
  const lines = [
    "# yaml-language-server: $schema=./.evergreen/schema.json",
    `# Written by evergreen init from ${found.replace(/\s+/g, " ")}.`,
    "# evergreen train runs it; evergreen explain shows every value with the ones that are built in.",
    "version: 1",
    `name: ${text(name)}            # part of each run's id`,
    "seed: 0",
    "",
    "model:",
    `  arch: ${text(arch)}`,
    ...(isEmbedded
      ? [
          "  # The embedded small model (3.7 M parameters, drawings of 64 x 64): to see it work. For results on photographs take a CLIP",
          "  # checkpoint of your own: evergreen init --force --from … --model FILE.safetensors",
        ]
      : []),
    `  init: ${text(init)}`,
    `  precision: ${isEmbedded ? "fp32" : "bf16"}         # fp32, or bf16: faster where the processor has it`,
    "  train: {image: all, text: all, logit_scale: true}   # all, none, last:N, or a list of patterns",
    "",
    "stream:",
    ...(/\?test=/.test(from) ? ["  # ?test=0.1 keeps a tenth for testing, picked by name: new files move none of the old ones."] : []),
    `  from: ${text(from)}`,
    ...(tasks === undefined
      ? ["  # tasks: 4               # absent: one task a year of the data"]
      : [`  tasks: ${tasks}                 # the ${concepts} concept${concepts === 1 ? "" : "s"} arrive in so many stages`]),
    "  order: given",
    "",
    "data:",
    "  # Rows of a batch: what is new, what came in earlier tasks, and data as in pretraining, which needs data.pretraining.from.",
    "  mixture: {update: 0.67, buffer: 0.33, pretraining: 0}",
    `  batch_size: ${batch}`,
    `  augment: ${facts.hasDrawings ? "drawings" : "openclip"}        # drawings: mild, for drawings and signs; openclip: for photographs`,
    "",
    "budget:",
    `  per_task: ${steps} steps      # about ${passes} passes over ${train} samples in all`,
    "",
    `optim: {name: adamw, lr: ${isEmbedded ? "3e-4" : "1e-5"}, wd: 0.2, betas: [0.9, 0.98], eps: 1e-6, clip_grad_norm: 1}`,
    "schedule: {name: cosine-warmup, warmup: 10%}           # anew in each task",
    "eval:",
    `  suite: auto             # the ${test} test samples of the data above; or a list, as [${text(from)}, "mini-flux:eval"]`,
    "checkpoint: {every: 15m, keep_last: 2}",
  ];
  const file = `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
  const problem = parseDocument(file).errors[0];
  if (problem) throw new Error(`internal: init wrote what is not YAML: ${problem.message}`);
  return file;
}
