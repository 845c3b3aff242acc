import type { PairBatch } from "../continual/gradients.ts";
import type { RowInfo, RowMark, RowRole } from "../continual/method.ts";
import type { Batch, RowRequest } from "../data/loader.ts";
import { keep, scope } from "../engine/scope.ts";
import { pixelsOf } from "../models/pixels.ts";
import type { ImagePreprocess } from "../models/preprocess.ts";
import { distinctTexts, type Tokenize } from "../models/texts.ts";

/** One row of a training batch before it is read. */
export interface TrainingRow {
  readonly request: RowRequest;
  readonly caption: string;
  readonly source: RowRole;
  readonly concept?: string;
  /** How often the source's pool had been gone through. */
  readonly pass: number;
  /** Of the method that asked for the row. */
  readonly mark?: RowMark;
}

/** A row as methods see it. */
export const rowInfo = ({ request, source, caption, mark }: TrainingRow): RowInfo => ({
  id: request.id,
  role: source,
  caption,
  ...(mark ? { mark } : {}),
});

/** Which pairs are no negatives of each other. */
export type Duplicates = "ignore" | "mask-caption" | "mask-class";

export interface BatchOptions {
  readonly preprocess: ImagePreprocess;
  readonly tokenize: Tokenize;
  readonly contextLength: number;
  readonly duplicates: Duplicates;
}

/** A loaded batch as the learner takes it. Its pixels live until they are released. */
export function assembleBatch(loaded: Pick<Batch, "images" | "rows">, rows: readonly TrainingRow[], options: BatchOptions): PairBatch {
  const { batch, rowOf } = distinctTexts(
    rows.map(({ caption }) => caption),
    options.tokenize,
    options.contextLength,
  );
  const excluded = excludedPairs(rows, rowOf, options.duplicates);
  return {
    pixels: scope(() => keep(pixelsOf(loaded.images, rows.length, options.preprocess))),
    texts: batch,
    textOf: rowOf,
    ...(excluded.length > 0 ? { excluded } : {}),
  };
}

/** Pairs i · B + j, i ≠ j, of rows that share a caption or a concept. */
export function excludedPairs(rows: readonly TrainingRow[], textOf: Int32Array, duplicates: Duplicates): readonly number[] {
  if (duplicates === "ignore") return [];
  const groups = new Map<string | number, number[]>();
  rows.forEach(({ concept }, i) => {
    const key = duplicates === "mask-class" ? (concept ?? `#${i}`) : (textOf[i] as number);
    const members = groups.get(key);
    if (members) members.push(i);
    else groups.set(key, [i]);
  });
  return [...groups.values()].flatMap((members) => members.flatMap((i) => members.filter((j) => j !== i).map((j) => i * rows.length + j)));
}
