/** A peak rate that is known to work, and the batch it was found with. */
export interface KnownPeak {
  readonly rate: number;
  readonly batchSize: number;
}

/** Pretraining of OpenCLIP's ViT-B-16 on LAION-2B (its published training command). */
export const pretrainingPeak: KnownPeak = { rate: 1e-3, batchSize: 88_064 };

/** How a peak rate follows the batch size. */
export const peakRules = ["linear", "square-root"] as const;
export type PeakRule = (typeof peakRules)[number];

/** The peak rate at another batch size: by its ratio (arXiv:1706.02677, section 2.1), or by the ratio's root (arXiv:1404.5997, section 5). */
export function rescaledPeak({ rate, batchSize: from }: KnownPeak, batchSize: number, rule: PeakRule): number {
  const ratio = batchSize / from;
  return rate * (rule === "linear" ? ratio : Math.sqrt(ratio));
}
