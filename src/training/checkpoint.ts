import { join } from "node:path";
import { clone } from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import { mapFile, type Tensor, type Weights } from "../engine/tensor.ts";
import type { Clip } from "../models/clip.ts";
import { type LoadedModel, loadModel } from "../models/load.ts";
import { modelMetadata } from "../models/model-folder.ts";
import type { ImagePreprocess } from "../models/preprocess.ts";
import { readHeader } from "../models/safetensors.ts";
import { writeSafetensorsSync } from "../models/safetensors-write-sync.ts";
import { modelTensors, tensorSource } from "../models/save.ts";
import type { OptimizerState } from "../nn/optimizer.ts";

const modelFile = "model.safetensors";
const momentsFile = "optim.safetensors";

/** Where a run stands between two steps. All else (draws, schedule, order of samples) follows from it. */
export interface Position {
  /** −1 before the first task. */
  readonly task: number;
  /** Applied steps of the task. */
  readonly step: number;
  /** `evaluate`: the task's steps are done, its evaluation is not. */
  readonly phase: "train" | "evaluate";
}

/** Writes weights and moments into a checkpoint's folder. `path` gives the place of a file. */
export function writeTensors(
  path: (file: string) => string,
  state: { readonly model: Clip; readonly preprocess: ImagePreprocess; readonly moments: OptimizerState },
): void {
  const { model, preprocess, moments } = state;
  writeSafetensorsSync(
    path(modelFile),
    modelTensors(model, "openclip"),
    modelMetadata({ config: model.config, preprocess, ...(model.tokenIds ? { tokenIds: model.tokenIds } : {}) }),
  );
  const named = Object.entries(moments).flatMap(([kind, weights]) =>
    [...weights].map(([name, value]) => tensorSource(`${kind}/${name}`, value)),
  );
  if (named.length > 0) writeSafetensorsSync(path(momentsFile), named);
}

/** Bytes that {@link writeTensors} will write, to within a header. */
export function checkpointBytes(model: Clip, moments: OptimizerState): number {
  const tensors = [
    ...model.weights.values(),
    ...model.buffers.values(),
    ...Object.values(moments).flatMap((weights) => [...weights.values()]),
  ];
  return tensors.reduce((sum, value) => sum + value.size * (value.dtype === "int64" ? 8 : 4), 1 << 20);
}

/** Weights of a checkpoint, as they were. */
export function readModel(folder: string): Promise<LoadedModel> {
  return loadModel(join(folder, modelFile));
}

/** Moments of a checkpoint made inside a task; they live until they are released. */
export async function readMoments(folder: string): Promise<OptimizerState> {
  const { entries } = await readHeader(join(folder, momentsFile));
  return scope(() => {
    const kinds: Record<string, Map<string, Tensor>> = {};
    for (const { name, path, offset, shape } of entries) {
      const slash = name.indexOf("/");
      const kind = name.slice(0, slash);
      const weights = kinds[kind] ?? new Map<string, Tensor>();
      kinds[kind] = weights;
      weights.set(
        name.slice(slash + 1),
        scope(() => clone(mapFile(path, { offset, dtype: "float32", shape }))),
      );
    }
    return keep(kinds as Record<string, Weights>);
  });
}
