import { createLoader } from "../data/loader.ts";
import { setThreads } from "../engine/facts.ts";
import { useKernels } from "../engine/kernels.ts";
import { defaultMemoryLimit, limitMemory } from "../engine/memory.ts";
import { scope } from "../engine/scope.ts";
import { readFloats, type Tensor } from "../engine/tensor.ts";
import { createEmbedder, type ImageBatches } from "../evaluation/embedder.ts";
import { computeWeights, type Precision } from "../models/clip.ts";
import { type LoadedModel, loadModel } from "../models/load.ts";
import { checkVocabulary } from "../models/vocabulary-part.ts";
import { EvergreenError } from "../util/errors.ts";
import { quoted } from "../util/quoted.ts";
import { clipTokenizer, imagePreprocess } from "./assemble.ts";
import { kernelsFor } from "./kernel-choice.ts";

export interface EncodeOptions {
  readonly precision: Precision;
  readonly batchSize: number;
}

/** Embeddings of one side, a row of unit length each. */
export interface EmbeddingRows {
  readonly rows: number;
  readonly width: number;
  /** Row by row. */
  readonly values: Float32Array;
}

export interface Embeddings {
  readonly image: EmbeddingRows;
  readonly text: EmbeddingRows;
}

/** An embedding that is no vector: it would be written as what no reader takes. */
class EmbeddingNumbersError extends EvergreenError {
  constructor(side: string, item: string) {
    super(`the embedding of the ${side} ${quoted(item)} has entries that are not finite`, {
      code: "EG-7152",
      exit: "numerics",
      fix: "look for NaN or infinite entries in the model's weights; with --precision bf16, try fp32",
    });
  }
}

/** Loads a model for use outside of a run: all threads, the machine's memory, the kernels that `env` asks for. */
export function loadForUse(
  path: string,
  { arch, env }: { readonly arch?: string | undefined; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<LoadedModel> {
  limitMemory(defaultMemoryLimit());
  setThreads();
  useKernels(kernelsFor(env));
  return loadModel(path, arch === undefined ? {} : { arch });
}

/**
 * Embeds image files and texts as an evaluation does: OpenCLIP's evaluation transform, each side in the order given.
 * @throws {ArchitectureError} for texts and a token table that is too short; {UnreadableImageError} or {DataLimitError} naming the file; {EmbeddingNumbersError} naming the first input whose row is not finite.
 */
export async function encode(
  { model, preprocess }: LoadedModel,
  items: { readonly images: readonly string[]; readonly texts: readonly string[] },
  { precision, batchSize }: EncodeOptions,
): Promise<Embeddings> {
  const { images, texts } = items;
  if (texts.length > 0) checkVocabulary("the model", model.config.text.vocabSize, model.tokenIds);
  const loader =
    images.length === 0
      ? undefined
      : await createLoader({
          seed: 0,
          preprocess: imagePreprocess(preprocess),
          transforms: { test: { name: "none" } },
          maxRows: Math.min(batchSize, images.length),
        });
  const embedder = createEmbedder({
    model: computeWeights(model, precision),
    preprocess,
    images: loader ?? noImages,
    transform: "test",
    tokenize: clipTokenizer(),
    batchSize,
  });
  const width = model.config.embedDim;
  const rowsOf = (side: "image" | "text", own: readonly string[], embed: () => Tensor): EmbeddingRows => {
    const values = own.length === 0 ? new Float32Array(0) : scope(() => Float32Array.from(readFloats(embed())));
    const broken = values.findIndex((entry) => !Number.isFinite(entry));
    if (broken >= 0) throw new EmbeddingNumbersError(side, own[Math.floor(broken / width)] ?? "");
    return { rows: own.length, width, values };
  };
  try {
    const records = images.map((path, i) => ({
      id: `image ${i + 1}`,
      captions: [path],
      split: "test" as const,
      image: { kind: "file" as const, path },
    }));
    return {
      image: rowsOf("image", images, () => embedder.images(records)),
      text: rowsOf("text", texts, () => embedder.texts(texts)),
    };
  } finally {
    embedder.close();
    await loader?.close();
  }
}

const noImages: ImageBatches = { start: () => undefined, take: () => undefined };
