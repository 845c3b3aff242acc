import { z } from "zod";
import type { ConceptId, SampleId } from "../data/source.ts";
import { Catalog, type Component } from "../util/component.ts";
import type { Random } from "../util/random.ts";
import { parseBytes } from "../util/units.ts";

/** How much a buffer may hold. */
export interface Capacity {
  readonly unit: "samples" | "bytes";
  readonly total: number;
}

/** What a policy may ask about samples. */
export interface BufferContext {
  readonly random: Random;
  conceptOf(id: SampleId): ConceptId;
  /** Bytes of the sample's image as it is stored. */
  bytesOf(id: SampleId): number;
}

/**
 * Which past samples are kept; it holds ids, never pixels. Pure: what is held follows from the samples seen, in their order, and not from how they were
 * cut into calls. So a run recomputes it on resume, and nothing of it is saved.
 */
export interface BufferPolicy<S extends z.ZodType = z.ZodType> extends Component<S> {
  /** Nothing is ever left out, so what is held need not be listed. */
  readonly keepsAll?: true;
  /** What is held after `fresh` were seen; `seen` counts all samples before them. */
  admit(held: readonly SampleId[], fresh: readonly SampleId[], at: Admission<z.output<S>>): readonly SampleId[];
}

/** What an admission depends on beside the samples. */
interface Admission<Options> {
  readonly seen: number;
  readonly options: Options;
  readonly about: BufferContext;
}

export const buffers = new Catalog<BufferPolicy>("buffer", [new URL("./buffers/", import.meta.url)]);

const capacityText = 'a number of samples >= 1, or a size as "8 GiB"';

/** A number of samples, or a size as `8 GiB`. */
export const capacityOption = z
  .union([z.int().min(1), z.string()])
  .transform((given, context): Capacity => {
    if (typeof given === "number") return { unit: "samples", total: given };
    const total = parseBytes(given);
    if (total !== undefined && total > 0) return { unit: "bytes", total };
    context.issues.push({ code: "custom", message: capacityText, input: given });
    return z.NEVER;
  })
  .describe(capacityText);

/**
 * The longest beginning of an order that fits. What has once been left out stays left out when more samples come before it, so that calls may be cut
 * anywhere. Samples that are larger than the whole capacity are passed over.
 */
export function firstThatFit(ordered: readonly SampleId[], { unit, total }: Capacity, { bytesOf }: BufferContext): readonly SampleId[] {
  if (unit === "samples") return ordered.slice(0, total);
  const possible = ordered.filter((id) => bytesOf(id) <= total);
  let left = total;
  const end = possible.findIndex((id) => {
    left -= bytesOf(id);
    return left < 0;
  });
  return end < 0 ? possible : possible.slice(0, end);
}
