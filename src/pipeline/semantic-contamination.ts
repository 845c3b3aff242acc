import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLoader } from "../data/loader.ts";
import { type DataSource, datasetOf, type SampleId, type SampleRecord } from "../data/source.ts";
import { noGrad } from "../engine/grad.ts";
import { argmax, linear, maxOver } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import { mapFile, read, readFloats, type Tensor } from "../engine/tensor.ts";
import { createEmbedder } from "../evaluation/embedder.ts";
import type { Embedder } from "../evaluation/evaluator.ts";
import { computeWeights, type Precision } from "../models/clip.ts";
import type { LoadedModel } from "../models/load.ts";
import { clipTokenizer, imagePreprocess } from "./assemble.ts";
import { borderlineWidth, type Contaminated, type ContaminationReport } from "./contamination.ts";

/** A test item with the training sample of a set that is most like it. */
export type Similar = Omit<Contaminated, "kind"> & { readonly similarity: number };

export interface SimilarOptions {
  readonly threshold: number;
  readonly precision: Precision;
  readonly batchSize: number;
  /** Pictures that cannot be read. */
  readonly unreadable: ReadonlySet<SampleId>;
  /** Test items whose embeddings are in memory at a time, and training samples that are compared with them at once. */
  readonly blockRows?: number;
  readonly progress?: (done: number, of: number) => void;
}

/**
 * For each test item and training set the nearest picture by a model's image embeddings, where its cosine reaches the threshold less what is borderline. Embeddings of test items
 * lie in a file of their own meanwhile; in memory is a block of each side and their products.
 */
export async function findSimilar(
  tested: readonly DataSource[],
  trained: readonly DataSource[],
  { model, preprocess }: LoadedModel,
  options: SimilarOptions,
): Promise<readonly Similar[]> {
  const { threshold, precision, batchSize, unreadable, blockRows = 4096, progress } = options;
  const readable = (records: readonly SampleRecord[]): readonly SampleRecord[] => records.filter(({ id }) => !unreadable.has(id));
  const items = tested.flatMap((source) => readable(source.records("test")));
  const pools = trained.map((source) => ({ name: source.name, samples: readable(source.records("train")) }));
  const of = items.length + pools.reduce((sum, { samples }) => sum + samples.length, 0);
  if (items.length === 0) return [];
  const images = await createLoader({
    seed: 0,
    preprocess: imagePreprocess(preprocess),
    transforms: { test: { name: "none" } },
    maxRows: batchSize,
  });
  const folder = mkdtempSync(join(tmpdir(), "evergreen-similar-"));
  try {
    let done = 0;
    const told = (rows: number): void => {
      done += rows;
      progress?.(done, of);
    };
    return scope(() => {
      const compute = computeWeights(model, precision);
      const embedder = createEmbedder({
        model: { ...compute, statistics: "running" },
        preprocess,
        images,
        transform: "test",
        tokenize: clipTokenizer(),
        batchSize,
      });
      const stored = storeEmbeddings(embedder, items, { path: join(folder, "items.f32"), width: model.config.embedDim, blockRows, told });
      const found = pools.flatMap(({ name, samples }) => {
        const nearest = nearestOf(embedder, samples, { ...stored, told });
        return items.flatMap((item, i): readonly Similar[] => {
          const similarity = nearest.cosines[i] ?? Number.NEGATIVE_INFINITY;
          const sample = samples[nearest.samples[i] ?? -1];
          if (!sample || similarity < threshold - borderlineWidth) return [];
          return [{ set: datasetOf(item.id), item: item.id, pool: name, sample: sample.id, similarity }];
        });
      });
      embedder.close();
      return found;
    });
  } finally {
    rmSync(folder, { recursive: true });
    await images.close();
  }
}

interface Stored {
  readonly rows: number;
  readonly blockRows: number;
  /** Embeddings of the items from one on, [n, E]. */
  block(from: number): Tensor;
}

function storeEmbeddings(
  embedder: Embedder,
  items: readonly SampleRecord[],
  {
    path,
    width,
    blockRows,
    told,
  }: { readonly path: string; readonly width: number; readonly blockRows: number; readonly told: (rows: number) => void },
): Stored {
  for (let from = 0; from < items.length; from += blockRows) {
    const records = items.slice(from, from + blockRows);
    const values = scope(() => readFloats(embedder.images(records)));
    appendFileSync(path, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    told(records.length);
  }
  const block = (from: number): Tensor =>
    mapFile(path, { offset: 4 * from * width, dtype: "float32", shape: [Math.min(blockRows, items.length - from), width] });
  return { rows: items.length, blockRows, block };
}

/** The nearest sample of each item, the first of several that are as near. */
function nearestOf(
  embedder: Embedder,
  samples: readonly SampleRecord[],
  { rows, blockRows, block, told }: Stored & { readonly told: (rows: number) => void },
): { readonly cosines: Float32Array; readonly samples: Int32Array } {
  const cosines = new Float32Array(rows).fill(Number.NEGATIVE_INFINITY);
  const nearest = new Int32Array(rows).fill(-1);
  for (let first = 0; first < samples.length; first += blockRows) {
    const part = samples.slice(first, first + blockRows);
    scope(() => {
      const embedded = embedder.images(part);
      for (let from = 0; from < rows; from += blockRows)
        scope(() => {
          // [items, samples]
          const products = noGrad(() => linear(block(from), embedded));
          const best = readFloats(maxOver(products, [1]));
          const places = read(argmax(products, 1));
          best.forEach((cosine, i) => {
            if (!(cosine > (cosines[from + i] ?? 0))) return;
            cosines[from + i] = cosine;
            nearest[from + i] = first + Number(places[i]);
          });
        });
    });
    told(part.length);
  }
  return { cosines, samples: nearest };
}

/** The report with what is found by meaning alone, and what is nearly found. A find by the picture itself stands, one by its caption gives way. */
export function withSimilar(
  report: ContaminationReport,
  similar: readonly Similar[],
  threshold: number,
): { readonly report: ContaminationReport; readonly borderline: readonly Similar[] } {
  const keyOf = ({ item, pool }: Pick<Contaminated, "item" | "pool">): string => `${item}\n${pool}`;
  const byPicture = new Set(report.found.filter(({ kind }) => kind !== "caption").map(keyOf));
  const fresh = similar.filter((each) => !byPicture.has(keyOf(each)));
  const found = fresh.filter(({ similarity }) => similarity >= threshold);
  const replaced = new Set(found.map(keyOf));
  const all = [
    ...report.found.filter((each) => !replaced.has(keyOf(each))),
    ...found.map((each) => ({ ...each, kind: "semantic" as const })),
  ];
  return {
    report: { ...report, found: all.sort((a, b) => compare(a.item, b.item) || compare(a.pool, b.pool)) },
    borderline: fresh.filter(({ similarity }) => similarity < threshold).sort((a, b) => b.similarity - a.similarity),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
