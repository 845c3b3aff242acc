/** What one unit of work costs, with every hook of a method in it. */
export interface Cost {
  /** Multiply-adds count as two. Forward and backward. */
  readonly flops: number;
  /** Highest sum of the bytes of live tensors. */
  readonly peakBytes: number;
}

/** Where a task's cost falls. */
export interface TaskCost {
  readonly runStart: Cost;
  readonly taskStart: Cost;
  readonly step: Cost;
  readonly taskEnd: Cost;
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
export const multiplierOf = (cost: Pick<Cost, "peakBytes">, reference: Pick<Cost, "peakBytes">): number =>
  cost.peakBytes / reference.peakBytes;

/** Memory-adjusted FLOPs: FLOPs times peak memory over the reference's (arXiv:2408.14471, section 3.2). */
export const mafs = (cost: Cost, reference: Cost): number => cost.flops * multiplierOf(cost, reference);

/** What is charged, and where. `multiplier` is the method's, the highest over its phases. */
export function chargeOf(flops: { readonly [Phase in keyof TaskCost]: number }, multiplier: number, accounting: Accounting): Charge {
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
