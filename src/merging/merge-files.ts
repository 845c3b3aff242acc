import { type FloatType, floatTypes } from "../models/float-types.ts";
import { toModelConfig } from "../models/model-config.ts";
import { modelMetadata, type OpenedModel } from "../models/model-folder.ts";
import { noPrompts, promptsOf, withPrompts } from "../models/prompts.ts";
import { dtypeBytes } from "../models/safetensors.ts";
import { writeSafetensors } from "../models/safetensors-write.ts";
import { exportRecipes, type Naming } from "../models/weight-names.ts";
import type { Weights } from "../models/weights-file.ts";
import { EntryFiles, modelReader, statisticsReader } from "./file-reader.ts";
import type { TowerGrowth } from "./guard.ts";
import { namedOutputs } from "./named-outputs.ts";
import { MergeError } from "./operator.ts";
import { placementOf } from "./placement.ts";
import { type MergeSettings, planMerge } from "./planned-merge.ts";

/** Models on disk that are merged, oldest first. */
export interface FilesToMerge {
  readonly base: OpenedModel | undefined;
  readonly models: readonly OpenedModel[];
  /** One a model, where the operator needs them. */
  readonly statistics?: readonly Weights[];
}

/** What a merge takes, known before any weight is read. */
export interface MergeCost {
  /** Largest number of times that the files of a tower are read. */
  readonly passes: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Upper bound of the bytes that tensors take at once. It does not depend on the number of models, but for 128 bytes a pair beside it where an operator goes by the angles of all pairs. */
  readonly peakBytes: number;
}

export interface MergeReport {
  readonly tensors: number;
  readonly bytesRead: number;
  readonly growth: readonly TowerGrowth[];
  /** What the user should know: where the operator had to do something else. */
  readonly notes: readonly string[];
}

const prompts = "numbers of prompts";

/**
 * Refuses models that cannot be merged entry by entry.
 * @throws {MergeError} when architecture, activation, vocabulary or numbers of prompts differ.
 */
export function checkAlike({ base, models }: FilesToMerge, names: readonly string[]): void {
  const all = base ? [base, ...models] : models;
  const kindOf = ({ config, tokenIds }: OpenedModel): Readonly<Record<string, string>> => {
    const plain = toModelConfig(withPrompts(config, noPrompts)) as Readonly<Record<string, unknown>>;
    const { init_logit_scale: _, quick_gelu, ...architecture } = plain;
    return {
      architecture: JSON.stringify(architecture),
      activation: JSON.stringify(quick_gelu),
      vocabulary: JSON.stringify(tokenIds),
      [prompts]: JSON.stringify(promptsOf(config)),
    };
  };
  const [first, ...others] = all.map(kindOf);
  for (const [i, other] of others.entries())
    for (const [what, value] of Object.entries(first ?? {}))
      if (other[what] !== value)
        throw new MergeError(
          `${names[i + 1]} differs from ${names[0]} in its ${what}`,
          what === prompts
            ? "merge models with as many prompts each, and leave out a base without them"
            : "merge models of one architecture that were trained from the same base",
        );
}

/** The model whose architecture, preprocessing and vocabulary the result has: the base, else the oldest. */
export function describedBy({ base, models }: FilesToMerge): OpenedModel {
  const described = base ?? models[0];
  if (!described) throw new Error("internal: a merge of no models");
  return described;
}

/** Tensors that operators hold at once, in blocks; measured over all of them and rounded up. */
const heldBlocks = 32;

/** What merging will read, write and hold. */
export function mergeCost({ base, models }: FilesToMerge, { towers, frame }: MergeSettings, type: FloatType): MergeCost {
  const [first] = models;
  const placed = first ? placementOf(first.config) : [];
  const bytesOf = (model: OpenedModel | undefined): number =>
    model ? Math.max(0, ...[...model.entries.values()].map(({ dtype }) => (dtype.startsWith("I") ? 0 : dtypeBytes[dtype]))) : 0;
  const each = models.reduce((sum, model) => sum + bytesOf(model), bytesOf(base));
  const cost = { passes: 1, bytesRead: 0, bytesWritten: 0, peakBytes: 0 };
  for (const tensor of placed) {
    const { operator, options } = towers[tensor.tower];
    const passes = tensor.merged === "parameter" ? operator.passes(options) : 1;
    const isWhole = operator.whole?.(tensor) === true;
    cost.passes = Math.max(cost.passes, passes);
    cost.bytesRead += passes * each * tensor.size;
    cost.bytesWritten += tensor.size * (tensor.merged === "newest" ? 8 : dtypeBytes[floatTypes[type]]);
    cost.peakBytes = Math.max(cost.peakBytes, 4 * heldBlocks * (isWhole ? tensor.size : Math.min(tensor.size, frame.block)));
  }
  return cost;
}

/** What becomes of a merge. */
export interface MergeOutput {
  readonly settings: MergeSettings;
  readonly type: FloatType;
  /** Whose names the file has; OpenCLIP's when absent. */
  readonly naming?: Naming;
  /** Told how far the towers moved before the file takes its name; may throw. */
  readonly accept?: (growth: readonly TowerGrowth[]) => void;
}

/**
 * Merges files into one: block by block, in memory that does not depend on how many there are. The file is there whole or not at all.
 * @throws {MergeNumbersError} for entries that are not finite; {NarrowTypeError} for those that `type` has no number for; {WeightNamesError} for a model that the naming cannot hold; {WeightsFileError} for a file that
 * cannot be read or written.
 */
export async function mergeFiles(
  path: string,
  { base, models, statistics }: FilesToMerge,
  { settings, type, naming = "openclip", accept }: MergeOutput,
): Promise<MergeReport> {
  const described = describedBy({ base, models });
  const recipes = exportRecipes(described.config, naming);
  const files = new EntryFiles();
  try {
    const plan = planMerge(
      placementOf(described.config),
      {
        base: base && modelReader(files, base),
        models: models.map((model) => modelReader(files, model)),
        ...(statistics ? { statistics: statistics.map(({ entries }) => statisticsReader(files, entries)) } : {}),
      },
      settings,
    );
    let left = recipes.length;
    const tensors = namedOutputs(plan.outputs, recipes).map(({ name, shape, isCounter, bytes }) => ({
      name,
      shape,
      dtype: isCounter ? ("I64" as const) : floatTypes[type],
      *data() {
        yield* bytes(type);
        left -= 1;
        if (left === 0) accept?.(plan.growth());
      },
    }));
    const { config, preprocess, tokenIds } = described;
    await writeSafetensors(path, tensors, modelMetadata({ config, preprocess, ...(tokenIds ? { tokenIds } : {}) }));
    return { tensors: tensors.length, bytesRead: files.bytesRead, growth: plan.growth(), notes: plan.notes };
  } finally {
    files.close();
  }
}
