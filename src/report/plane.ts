/** A point of the KA-ZS plane. */
export interface PlanePoint {
  readonly zeroShot: number;
  readonly knowledge: number;
}

/** The line from the start weights to the upper bound: the trade-off that a method should beat (arXiv:2408.14471). */
export interface TradeOff {
  readonly start: PlanePoint;
  readonly oracle: PlanePoint;
}

/**
 * How far beyond the line a point lies (positive towards more of both, where the oracle has more knowledge and less retention than the
 * start) and how far along it: 0 at the start, 1 at the oracle. Undefined when start and oracle coincide.
 */
export function againstTradeOff(
  { zeroShot, knowledge }: PlanePoint,
  { start, oracle }: TradeOff,
): { readonly distance: number; readonly progress: number } | undefined {
  const ux = oracle.zeroShot - start.zeroShot;
  const uy = oracle.knowledge - start.knowledge;
  const length = Math.hypot(ux, uy);
  if (length === 0) return undefined;
  const x = zeroShot - start.zeroShot;
  const y = knowledge - start.knowledge;
  return { distance: (x * uy - y * ux) / length, progress: (x * ux + y * uy) / (length * length) };
}
