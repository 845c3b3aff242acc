import { copyInto } from "../engine/ops.ts";
import { keep, release, scope } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import type { Clip } from "../models/clip.ts";
import { type Adapters, adapterName } from "../nn/adapter.ts";
import { createRandom, type Random } from "../util/random.ts";
import { type MethodDefinition, methods } from "./method.ts";
import { PeftFormatError, type StoredAdapters } from "./peft-format.ts";

interface FoundMethod {
  readonly definition: MethodDefinition;
  readonly options: unknown;
}

/**
 * The weights of a model that stored adapters change, with them folded in, float32; they live until they are released.
 * @throws {PeftFormatError} for adapters of another model's sizes.
 */
export async function foldedWeights(model: Clip, stored: StoredAdapters, where: string): Promise<Weights> {
  const found = await methodOf(stored);
  const folded = scope(() => {
    const adapters = placed(model, stored, { found, where });
    const weights = [...adapters.sites].map(([name, site]): [string, Tensor] => [
      name,
      scope(() =>
        site.fold({ weight: model.weights.get(name) as Tensor, own: (of) => adapters.weights.get(adapterName(name, of)) as Tensor }),
      ),
    ]);
    return keep(new Map(weights));
  });
  return folded;
}

/**
 * Adapters of a run as PEFT has them: where sites share tensors that follow from the run's seed, these are drawn anew and go along. The parameters are handed over; what
 * comes back lives until it is released.
 */
export async function packedAdapters(model: Clip, stored: StoredAdapters, random: Random): Promise<StoredAdapters> {
  const { definition, options } = await methodOf(stored);
  const form = definition.peft?.common;
  if (!form) return stored;
  const packed = scope(() => {
    const { shared } = adaptersOf({ definition, options }, model, random);
    return keep(form.pack(model, { weights: stored.weights, ...(shared ? { shared } : {}) }, options));
  });
  release(stored.weights);
  return { method: { name: stored.method.name, ...packed.options }, weights: packed.weights, common: packed.common };
}

async function methodOf({ method: { name, ...given } }: StoredAdapters): Promise<FoundMethod> {
  const definition = await methods.load(name);
  return { definition, options: definition.options.parse(given) };
}

function adaptersOf({ definition, options }: FoundMethod, model: Clip, random: Random): Adapters {
  const adapters = definition.build(options).adapt?.(model, { task: 0, random });
  if (!adapters) throw new Error("internal: stored adapters of a method that has none");
  return adapters;
}

/** Adapters beside the model with the stored numbers in the place of drawn ones. */
function placed(
  model: Clip,
  { weights, common }: StoredAdapters,
  { found, where }: { readonly found: FoundMethod; readonly where: string },
): Adapters {
  const adapters = adaptersOf(found, model, createRandom(0));
  for (const [name, value] of adapters.weights) {
    const given = weights.get(name);
    if (!given || given.shape.join() !== value.shape.join())
      throw new PeftFormatError(
        where,
        `${name} is [${given?.shape.join(", ") ?? ""}], and the model's layer asks for [${value.shape.join(", ")}]`,
      );
    copyInto(value, given);
  }
  const form = found.definition.peft?.common;
  const own = adapters.shared ?? [];
  if (!form || own.length === 0) return adapters;
  if (!common) throw new PeftFormatError(where, "holds no tensors that its layers share", "save the adapters with save_projection");
  for (const [i, value] of form.unpack(common, own).entries()) copyInto(own[i] as Tensor, value);
  return adapters;
}
