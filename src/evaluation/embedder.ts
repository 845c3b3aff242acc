import type { RowRequest } from "../data/loader.ts";
import type { SampleRecord } from "../data/source.ts";
import { noGrad } from "../engine/grad.ts";
import { concat, indexSelect } from "../engine/ops.ts";
import { keep, release, scope } from "../engine/scope.ts";
import { item, type Tensor, tensor } from "../engine/tensor.ts";
import { type ComputeWeights, embedImage, embedText } from "../models/clip.ts";
import { pixelsOf } from "../models/pixels.ts";
import type { ImagePreprocess } from "../models/preprocess.ts";
import { distinctTexts, type Tokenize } from "../models/texts.ts";
import { EvergreenError } from "../util/errors.ts";
import type { Embedder } from "./evaluator.ts";

/** Batches of decoded images; the data loader is one. */
export interface ImageBatches {
  start(plan: { readonly firstStep: number; rowsAt(step: number): readonly RowRequest[] | undefined }): void;
  take(step: number): { readonly images: Uint8Array; readonly rows: readonly RowRequest[] } | undefined;
}

/** Weights to embed with. A function makes them within the scope of each use: of many models one lies in memory at a time. */
export type EmbeddedModel = ComputeWeights | (() => ComputeWeights);

export interface EmbedderOptions {
  readonly model: EmbeddedModel;
  /** See {@link Embedder.rivals}; none when absent. */
  readonly rivals?: readonly EmbeddedModel[];
  readonly preprocess: ImagePreprocess;
  readonly images: ImageBatches;
  /** Key of the evaluation transform among the loader's. */
  readonly transform: string;
  readonly tokenize: Tokenize;
  readonly batchSize: number;
}

/** An embedder that must be closed: it keeps the text embeddings of one evaluation. */
export interface ClosableEmbedder extends Embedder {
  close(): void;
}

/** Embeds with the model in evaluation mode, without a graph. */
export function createEmbedder({ rivals: others = [], ...options }: EmbedderOptions): ClosableEmbedder {
  const texts = new EmbeddedTexts(options);
  const rivals = others.map((model) => createEmbedder({ ...options, model }));
  return {
    scale: scope(() => Math.exp(item(weightsOf(options).weights.get("logit_scale") as Tensor))),
    images: (records) => scope(() => noGrad(() => concat([...imageBlocks(options, records)], 0))),
    texts: (asked) => texts.of(asked),
    ...(rivals.length > 0 ? { rivals } : {}),
    close() {
      texts.close();
      for (const rival of rivals) rival.close();
    },
  };
}

const weightsOf = ({ model }: Pick<EmbedderOptions, "model">): ComputeWeights => (typeof model === "function" ? model() : model);

/** Embeddings of texts, each made once; they lie in one tensor a batch. */
class EmbeddedTexts {
  private readonly options: EmbedderOptions;
  private readonly batches: Tensor[] = [];
  /** By text, its row in all batches joined. */
  private readonly rowOf = new Map<string, number>();
  private rows = 0;

  constructor(options: EmbedderOptions) {
    this.options = options;
  }

  of(texts: readonly string[]): Tensor {
    const { batchSize } = this.options;
    const missing = [...new Set(texts)].filter((text) => !this.rowOf.has(text));
    if (missing.length > 0)
      scope(() => {
        const model = weightsOf(this.options);
        for (let from = 0; from < missing.length; from += batchSize) this.embed(model, missing.slice(from, from + batchSize));
      });
    const rows = texts.map((text) => this.rowOf.get(text) as number);
    return scope(() => indexSelect(concat(this.batches, 0), 0, tensor(rows, [rows.length], "int64")));
  }

  close(): void {
    release(this.batches);
    this.batches.length = 0;
    this.rowOf.clear();
  }

  private embed(model: ComputeWeights, texts: readonly string[]): void {
    const { tokenize } = this.options;
    const { batch, rowOf } = distinctTexts(texts, tokenize, model.config.text.contextLength);
    this.batches.push(scope(() => keep(noGrad(() => embedText(model, batch)))));
    texts.forEach((text, i) => {
      this.rowOf.set(text, this.rows + (rowOf[i] ?? 0));
    });
    this.rows += batch.rows;
  }
}

function* imageBlocks(options: EmbedderOptions, records: readonly SampleRecord[]): Generator<Tensor> {
  const { images, batchSize, transform } = options;
  const rowsAt = (step: number): readonly RowRequest[] | undefined => {
    const block = records.slice(step * batchSize, (step + 1) * batchSize);
    return block.length === 0
      ? undefined
      : block.map(({ id, image }) => ({ id, image, transform, draws: { purpose: "evaluation", task: 0, index: 0 } }));
  };
  if (records.length === 0)
    throw new EvergreenError("evaluation: the set has no test samples", {
      code: "EG-4211",
      exit: "data",
      fix: "give it a test split, or leave it out",
    });
  const model = weightsOf(options);
  images.start({ firstStep: 0, rowsAt });
  for (let step = 0; step * batchSize < records.length; step++) {
    const batch = images.take(step);
    if (!batch) throw new Error("internal: the loader ended before the records did");
    yield scope(() => embedImage(model, pixelsOf(batch.images, batch.rows.length, options.preprocess)));
  }
}
