/** Running counts of how sure predictions were and how often they were right. */
export interface Calibration {
  /** Counts a block of items; `scores` is row-major [items, classes], cosines. A label is an index in the class list. */
  add(scores: ArrayLike<number>, labels: ArrayLike<number>): void;
  /** Σ over bins of |accuracy − mean confidence| weighted by items; undefined while nothing was added. */
  error(): number | undefined;
}

/**
 * Expected calibration error (arXiv:1706.04599, eq. 3) of the softmax over classes of `scale` times the cosine, in `bins` bins of equal width, each with its
 * upper border.
 */
export function createCalibration(classes: number, scale: number, bins = 15): Calibration {
  const items = new Float64Array(bins);
  const confidence = new Float64Array(bins);
  const right = new Float64Array(bins);
  return {
    add(scores, labels) {
      for (let item = 0; item < labels.length; item++) {
        const from = item * classes;
        let best = 0;
        for (let c = 1; c < classes; c++) if ((scores[from + c] as number) > (scores[from + best] as number)) best = c;
        const highest = scores[from + best] as number;
        let sum = 0;
        for (let c = 0; c < classes; c++) sum += Math.exp(scale * ((scores[from + c] as number) - highest));
        const sure = 1 / sum;
        const bin = Math.min(bins - 1, Math.max(0, Math.ceil(sure * bins) - 1));
        items[bin] = (items[bin] as number) + 1;
        confidence[bin] = (confidence[bin] as number) + sure;
        right[bin] = (right[bin] as number) + (best === labels[item] ? 1 : 0);
      }
    },
    error() {
      const total = items.reduce((sum, n) => sum + n, 0);
      if (total === 0) return undefined;
      return items.reduce((sum, _, bin) => sum + Math.abs((right[bin] as number) - (confidence[bin] as number)), 0) / total;
    },
  };
}
