/** Highest sum of the bytes of live tensors. */
interface Peak {
  readonly peakBytes: number;
}

/** Where a task's work falls. */
type Phase = "runStart" | "taskStart" | "step" | "taskEnd";

/** What is charged of work: `products`, which the published comparison counts, or `all`: everything else too, an entry that is read or written as one operation. */
export type Charged = "products" | "all";

/** Work as a meter tells it. */
export interface Work {
  /** Of matrix products, convolutions and attention. */
  readonly flops: number;
  /** Entries that everything else reads or writes. */
  readonly elements: number;
  /** What of the FLOPs was computed before: gradient caching and activation checkpointing throw results away. */
  readonly recomputed?: number;
}

/** Operations of work that are charged (FLOPs alone under `products`, where nobody pays for what is computed again). */
export function chargedOperations({ flops, elements, recomputed = 0 }: Work, charged: Charged): number {
  switch (charged) {
    case "products":
      return flops - recomputed;
    case "all":
      return flops + elements;
    default:
      return charged satisfies never;
  }
}

/** Who pays for work outside of steps: `fair` charges it once, `published` charges a task's with each of its steps (as arXiv:2408.14471, table 4, does). */
export type Accounting = "fair" | "published";

/** Memory-adjusted FLOPs of a run's parts. */
export interface Charge {
  readonly runStart: number;
  readonly perTask: number;
  readonly perStep: number;
}

/** Peak memory over that of full fine-tuning on the same backbone and batch (arXiv:2408.14471, section 3.2). */
export const multiplierOf = (cost: Peak, reference: Peak): number => cost.peakBytes / reference.peakBytes;

/** What is charged, and where. `flops` count a multiply-add as two, forward and backward; `multiplier` is the method's, the highest over its phases. */
export function chargeOf(flops: Readonly<Record<Phase, number>>, multiplier: number, accounting: Accounting): Charge {
  const task = (flops.taskStart + flops.taskEnd) * multiplier;
  const step = flops.step * multiplier;
  switch (accounting) {
    case "published":
      return { runStart: 0, perTask: 0, perStep: step + task };
    case "fair":
      return { runStart: flops.runStart * multiplier, perTask: task, perStep: step };
    default:
      return accounting satisfies never;
  }
}
