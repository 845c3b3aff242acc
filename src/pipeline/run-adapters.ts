import { methods as catalogue } from "../continual/method.ts";
import { type StoredAdapters, writePeft } from "../continual/peft-format.ts";
import { packedAdapters } from "../continual/placed-adapters.ts";
import { release } from "../engine/scope.ts";
import { item, type Tensor } from "../engine/tensor.ts";
import type { ClipConfig } from "../models/architecture.ts";
import type { Clip } from "../models/clip.ts";
import { newestCheckpoint } from "../runs/checkpoint.ts";
import type { RunReader } from "../runs/run-reader.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import type { RunSpec } from "../runs/spec.ts";
import { readState } from "../training/checkpoint.ts";
import type { ComponentSpec } from "../util/component.ts";
import { EvergreenError } from "../util/errors.ts";
import { createRandom } from "../util/random.ts";
import { usePlugins } from "./catalogues.ts";
import { planModel } from "./model-source.ts";
import { presetFolder } from "./preset-folder.ts";

/** What was written, and what the folder does not hold. */
export interface ExportedAdapters {
  readonly checkpoint: string;
  readonly warnings: readonly string[];
}

/** Writes the adapters of a run's newest checkpoint into a folder as PEFT does. @throws {EvergreenError} where there are none. */
export async function exportAdapters(reader: RunReader, folder: string): Promise<ExportedAdapters> {
  const { checkpoint } = newestCheckpoint(reader.folder);
  if (!checkpoint)
    throw new EvergreenError(`${reader.folder} has no checkpoint yet`, {
      code: "EG-4141",
      exit: "data",
      fix: "wait for the run's first checkpoint",
    });
  const { spec } = readRunSpec(reader.folder, { env: process.env, presets: presetFolder });
  usePlugins(spec.plugins);
  const { config, adapters, logitScale } = await adaptersOf(checkpoint.folder, spec);
  try {
    await writePeft(folder, adapters, config);
    const learns = await learnsLogitScale(spec.methods);
    return { checkpoint: checkpoint.name, warnings: learns ? scaleWarnings(logitScale, await firstLogitScale(spec)) : [] };
  } finally {
    release([adapters.weights, adapters.common]);
  }
}

/** The adapters in a checkpoint, by the method of the list that made them. Their tensors live until they are released. */
export async function adaptersOf(
  checkpoint: string,
  { methods, seed }: Pick<RunSpec, "methods" | "seed">,
): Promise<{ readonly config: ClipConfig; readonly adapters: StoredAdapters; readonly logitScale: number }> {
  const { loaded, adapters, ...others } = await readState(checkpoint, undefined);
  release(others);
  const { model } = loaded;
  const method = await adapting(methods);
  if (adapters && method) {
    const stored = await packedAdapters(model, { method, weights: adapters }, createRandom(seed));
    const logitScale = scaleOf(model);
    release(model);
    return { config: model.config, adapters: stored, logitScale };
  }
  release([model, adapters]);
  throw new EvergreenError(`${checkpoint} holds no adapters`, {
    code: "EG-4141",
    exit: "data",
    fix: method
      ? `${method.name}'s are folded into the weights at the end of a task that others do not simply go on from: use the checkpoint's model`
      : "name a run with a method of adapters, as lora; prompts are a part of the checkpoint's own model",
  });
}

/** What a reader of PEFT's folder would not know: it has no place for the logit scale. Both are logarithms; the first is undefined where its weights are not here. */
export function scaleWarnings(learned: number, first: number | undefined): readonly string[] {
  if (learned === first) return [];
  const [now, before] = [learned, first].map((scale) => (scale === undefined ? "not known" : Math.exp(scale).toPrecision(5)));
  return [
    `the run learned its logit scale too, which PEFT's folder does not hold: ${now}, the first weights' is ${before}. Whoever folds these adapters keeps the latter; evergreen model convert RUN OUT writes the whole model`,
  ];
}

const scaleOf = ({ weights }: Clip): number => item(weights.get("logit_scale") as Tensor);

async function firstLogitScale(spec: RunSpec): Promise<number | undefined> {
  const source = await planModel(spec);
  if (source.obtain !== undefined) return undefined;
  const { model } = await source.load();
  const scale = scaleOf(model);
  release(model);
  return scale;
}

async function learnsLogitScale(methods: readonly ComponentSpec[]): Promise<boolean> {
  for (const { name, ...given } of methods) {
    const definition = await catalogue.load(name);
    if (definition.build(definition.options.parse(given)).trainable?.("logit_scale") === false) return false;
  }
  return true;
}

async function adapting(methods: readonly ComponentSpec[]): Promise<ComponentSpec | undefined> {
  for (const method of methods) {
    const { name, ...given } = method;
    const definition = await catalogue.load(name);
    if (definition.build(definition.options.parse(given)).adapt) return method;
  }
  return undefined;
}
