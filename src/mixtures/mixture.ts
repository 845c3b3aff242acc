import { EvergreenError } from "../util/errors.ts";

/** Where a batch's rows come from, in the order in which left-over rows are given out. */
export const batchSources = ["pretraining", "update", "buffer"] as const;
/** The order in which they stand in a joined batch. */
export const joinOrder = ["update", "buffer", "pretraining"] as const satisfies readonly BatchSource[];
export type BatchSource = (typeof batchSources)[number];

/** Shares of a batch by source; they add up to 1 within 1e-6. */
export type Mixture = Readonly<Record<BatchSource, number>>;
/** Rows of one batch by source. */
export type BatchRows = Readonly<Record<BatchSource, number>>;
/** Samples in each source's pool. */
type PoolSizes = Readonly<Record<BatchSource, number>>;

/**
 * Who gets the rows that a buffer smaller than its part cannot serve.
 * `split`: update and pretraining by halves (arXiv:2408.14471's code); `oversample-update`: update alone (its text).
 */
export const shortBufferRules = ["split", "oversample-update"] as const;
export type ShortBufferRule = (typeof shortBufferRules)[number];

/** A batch that no pool can fill. */
export class MixtureError extends EvergreenError {
  constructor(message: string, fix: string) {
    super(`mixture: ${message}`, { code: "EG-3101", exit: "config", fix });
  }
}

/** What a batch is split by. */
export interface SplitRequest {
  /** Samples of a batch, all sources together. */
  readonly batchSize: number;
  readonly shares: Mixture;
  readonly pools: PoolSizes;
  readonly rule: ShortBufferRule;
}

/**
 * Rows that each pool gives to a batch. A source whose share is 0 gets none, whatever is left over. The rule for a short buffer looks
 * at the pool, not at the task's number.
 * @throws {MixtureError} when rows remain that no pool with a share can serve.
 */
export function splitBatch({ batchSize, shares, pools, rule }: SplitRequest): BatchRows {
  const parts = partsOf(batchSize, shares);
  const rows = fillShortBuffer(parts, { shares, pools, rule });
  for (const source of ["update", "pretraining"] as const)
    if (rows[source] > 0 && pools[source] === 0)
      throw new MixtureError(
        `${rows[source]} of ${batchSize} rows come from ${source}, whose pool is empty`,
        source === "update"
          ? "leave the task out, or give its concepts samples"
          : "set data.pretraining.from, or the share of pretraining to 0",
      );
  return rows;
}

/** ⌊B·λ⌋ rows a source, the left-over ones one each in order to sources with a share. */
function partsOf(batchSize: number, shares: Mixture): BatchRows {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) throw new RangeError(`internal: splitBatch: batch size ${batchSize}`);
  const sum = total(shares);
  const rows = { pretraining: 0, update: 0, buffer: 0 };
  // The guard keeps a whole product such as 100 · 0.29 from losing a row.
  for (const source of batchSources) rows[source] = Math.floor((batchSize * shares[source]) / sum + 1e-9);
  const takers = batchSources.filter((source) => shares[source] > 0);
  for (let left = batchSize - total(rows), i = 0; left > 0; left--, i++) rows[takers[i % takers.length] ?? "update"] += 1;
  return rows;
}

function fillShortBuffer(parts: BatchRows, { shares, pools, rule }: Omit<SplitRequest, "batchSize">): BatchRows {
  const missing = Math.max(0, parts.buffer - pools.buffer);
  if (missing === 0) return parts;
  const buffer = parts.buffer - missing;
  if (shares.update === 0 && shares.pretraining === 0)
    throw new MixtureError(
      `the buffer holds ${pools.buffer} samples for ${parts.buffer} rows, and no other source has a share`,
      "give update or pretraining a share above 0",
    );
  if (shares.update === 0) return { pretraining: parts.pretraining + missing, update: 0, buffer };
  const half = rule === "split" && parts.pretraining > 0 ? Math.floor(missing / 2) : 0;
  return { pretraining: parts.pretraining + half, update: parts.update + missing - half, buffer };
}

function total(rows: Readonly<Record<BatchSource, number>>): number {
  return rows.pretraining + rows.update + rows.buffer;
}
