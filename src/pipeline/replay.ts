import { statSync } from "node:fs";
import { holdsPixels, pixelBytes } from "../data/pixel-location.ts";
import type { SampleId } from "../data/source.ts";
import { type BufferContext, buffers } from "../mixtures/buffer.ts";
import { largestShares } from "../mixtures/course.ts";
import type { RunSpec } from "../runs/spec.ts";
import { conceptsBySample, type Pool, poolOf, unlimitedReplay, updatePool } from "../streams/pools.ts";
import type { Stream } from "../streams/stream.ts";
import { EvergreenError } from "../util/errors.ts";
import { issueText } from "../util/issues.ts";
import { createRandom } from "../util/random.ts";
import type { RunData } from "./sources.ts";
import { Samples } from "./stream-of.ts";

/**
 * What each task replays: the run's buffer after all tasks before it; nothing where the mixture never replays. A pure function of spec and stream, so that a
 * resumed run recomputes it and nothing is stored; no sample of a task is in its own buffer, as it is admitted after it.
 * @throws {EvergreenError} for options that the buffer does not take.
 */
export async function replayPools({ data: { buffer, mixture }, seed }: RunSpec, stream: Stream, data: RunData): Promise<readonly Pool[]> {
  const policy = await buffers.load(buffer.name);
  const { name, ...given } = buffer;
  const options = policy.options.safeParse(given);
  if (!options.success) {
    throw new EvergreenError(`data.buffer ${name}: ${issueText(options.error)}`, {
      code: "EG-3104",
      exit: "config",
      fix: "see docs/mixtures.md for the buffers and what they take",
    });
  }
  if (largestShares(mixture).buffer === 0) return stream.tasks.map(() => poolOf([]));
  if (policy.keepsAll) return unlimitedReplay(stream);
  const about = contextOf(seed, stream, data);
  let held: readonly SampleId[] = [];
  let seen = 0;
  return stream.tasks.map((_, task) => {
    const pool = poolOf(held);
    const update = updatePool(stream, task);
    const fresh = Array.from({ length: update.size }, (__, i) => update.sample(i));
    held = policy.admit(held, fresh, { seen, options: options.data, about });
    seen += fresh.length;
    return pool;
  });
}

function contextOf(seed: number, stream: Stream, data: RunData): BufferContext {
  const concepts = conceptsBySample(stream);
  let samples: Samples | undefined;
  const bytesOf = (id: SampleId): number => {
    samples ??= new Samples(data.streamed);
    return storedBytes(samples, id);
  };
  return { random: createRandom(seed), conceptOf: (id) => concepts.get(id) ?? "", bytesOf };
}

function storedBytes(samples: Samples, id: SampleId): number {
  const { image } = samples.get(id);
  if (image.kind === "file") return statSync(image.path).size;
  if (image.kind === "slice") return image.bytes;
  if (holdsPixels(image)) return pixelBytes(image);
  throw new EvergreenError(`data.buffer: the size of ${id} is not known before it is read`, {
    code: "EG-3104",
    exit: "config",
    fix: "give the capacity in samples: images in parquet files have no size in the index",
  });
}
