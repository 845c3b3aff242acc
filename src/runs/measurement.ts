/** `share` lies in [0, 1] and reports write per cent; the others may be negative. */
type Unit = "share" | "nats" | "distance" | "points" | "cosine" | "count" | "seconds";

/** Path of a file inside the run folder, parts joined by `/`. */
export type ArtifactId = string;

/** One number of an evaluation, with how sure it is. */
export interface Measurement {
  /** CLIP_benchmark's name where it has one: `acc1`, `mean_per_class_recall`, `image_retrieval_recall@5`. */
  readonly metric: string;
  readonly value: number;
  readonly unit: Unit;
  /** 95 %. */
  readonly interval?: readonly [number, number];
  /** Items it was counted over. */
  readonly samples: number;
  /** Where each item's outcome is stored, so that two runs can be paired. */
  readonly items?: ArtifactId;
}
