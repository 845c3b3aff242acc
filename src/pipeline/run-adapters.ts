import { methods as catalogue } from "../continual/method.ts";
import { type StoredAdapters, writePeft } from "../continual/peft-format.ts";
import { packedAdapters } from "../continual/placed-adapters.ts";
import { release } from "../engine/scope.ts";
import type { ClipConfig } from "../models/architecture.ts";
import { newestCheckpoint } from "../runs/checkpoint.ts";
import type { RunReader } from "../runs/run-reader.ts";
import { readRunSpec } from "../runs/run-spec.ts";
import type { RunSpec } from "../runs/spec.ts";
import { readState } from "../training/checkpoint.ts";
import type { ComponentSpec } from "../util/component.ts";
import { EvergreenError } from "../util/errors.ts";
import { createRandom } from "../util/random.ts";
import { usePlugins } from "./catalogues.ts";
import { presetFolder } from "./preset-folder.ts";

/** Writes the adapters of a run's newest checkpoint into a folder as PEFT does; gives the checkpoint's name. @throws {EvergreenError} where there are none. */
export async function exportAdapters(reader: RunReader, folder: string): Promise<string> {
  const { checkpoint } = newestCheckpoint(reader.folder);
  if (!checkpoint)
    throw new EvergreenError(`${reader.folder} has no checkpoint yet`, {
      code: "EG-4141",
      exit: "data",
      fix: "wait for the run's first checkpoint",
    });
  const { spec } = readRunSpec(reader.folder, { env: process.env, presets: presetFolder });
  usePlugins(spec.plugins);
  const { config, adapters } = await adaptersOf(checkpoint.folder, spec);
  try {
    await writePeft(folder, adapters, config);
    return checkpoint.name;
  } finally {
    release([adapters.weights, adapters.common]);
  }
}

/** The adapters in a checkpoint, by the method of the list that made them. Their tensors live until they are released. */
export async function adaptersOf(
  checkpoint: string,
  { methods, seed }: Pick<RunSpec, "methods" | "seed">,
): Promise<{ readonly config: ClipConfig; readonly adapters: StoredAdapters }> {
  const { loaded, adapters, ...others } = await readState(checkpoint, undefined);
  release(others);
  const { model } = loaded;
  const method = await adapting(methods);
  if (adapters && method) {
    const stored = await packedAdapters(model, { method, weights: adapters }, createRandom(seed));
    release(model);
    return { config: model.config, adapters: stored };
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

async function adapting(methods: readonly ComponentSpec[]): Promise<ComponentSpec | undefined> {
  for (const method of methods) {
    const { name, ...given } = method;
    const definition = await catalogue.load(name);
    if (definition.build(definition.options.parse(given)).adapt) return method;
  }
  return undefined;
}
