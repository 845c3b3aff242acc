import { type NativeMeter, native } from "./binding.ts";
import { memory, resetPeak } from "./memory.ts";
import { guard } from "./tensor.ts";

/** Calls of one operator with one set of input shapes. */
type MeteredCall = NativeMeter["calls"][number];

/** What work cost, counted where libtorch dispatches it: backward passes by what they really do. */
export interface Metered<Result> {
  readonly result: Result;
  /** Matrix products, convolutions and attention; a multiply-add is two. Fused attention's backward pass counts its five products. */
  readonly flops: number;
  /** What of that had been computed before: see {@link recomputing}. */
  readonly recomputed: number;
  /** Everything else, one for each entry that is read or written, whichever is more. Views and empty tensors are free. */
  readonly elements: number;
  /** In the order of first calls. An operator inside of a counted one is not counted again. */
  readonly calls: readonly MeteredCall[];
  /** Highest sum of the bytes of live tensors during the work, those that lived before included. */
  readonly peakBytes: number;
  /** The same of tensors on `meta`, which hold none. */
  readonly metaPeakBytes: number;
}

/**
 * Runs `work` and counts what it computes. Resets the peak of {@link memory}.
 * @throws {EngineError} when work is being metered already.
 * @example meter(() => matmul(a, b)).flops // 2 · m · n · k
 */
export function meter<Result>(work: () => Result): Metered<Result> {
  start();
  let counted: NativeMeter;
  let result: Result;
  try {
    result = work();
  } finally {
    counted = native.meterStop();
  }
  return metered(result, counted);
}

/** The same for work that waits: whatever else computes meanwhile is counted too. */
export async function meterAsync<Result>(work: () => Promise<Result>): Promise<Metered<Result>> {
  start();
  let counted: NativeMeter;
  let result: Result;
  try {
    result = await work();
  } finally {
    counted = native.meterStop();
  }
  return metered(result, counted);
}

/** Work that was done before and whose results were thrown away: a meter tells it apart. */
export function recomputing<Result>(work: () => Result): Result {
  native.meterRecomputes(true);
  try {
    return work();
  } finally {
    native.meterRecomputes(false);
  }
}

function start(): void {
  guard("meter", () => native.meterStart());
  resetPeak();
}

function metered<Result>(result: Result, counted: NativeMeter): Metered<Result> {
  const { peak, metaPeak } = memory();
  return { result, ...counted, peakBytes: peak, metaPeakBytes: metaPeak };
}
