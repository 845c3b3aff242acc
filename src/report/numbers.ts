import type { Measurement } from "../runs/measurement.ts";

/** `71.3`: a share as per cent. */
export function score(share: number): string {
  return minus((100 * share).toFixed(1));
}

/** `+31.2` or `−2.1`, in points of per cent. */
export function points(difference: number): string {
  const text = (100 * Math.abs(difference)).toFixed(1);
  if (text === "0.0") return "0.0";
  return difference > 0 ? `+${text}` : `−${text}`;
}

/** `+3.1 (+1.0 to +5.2)`: a change in points; without the bracket where there is no interval. */
export function pointsWithInterval({ value, interval }: Pick<Measurement, "value" | "interval">): string {
  return interval ? `${points(value)} (${points(interval[0])} to ${points(interval[1])})` : points(value);
}

/** `61.3 ± 0.2`: mean and standard deviation over seeds, in per cent; the mean alone for one. */
export function withDeviation(mean: number, deviation: number | undefined): string {
  return deviation === undefined ? score(mean) : `${score(mean)} ± ${score(deviation)}`;
}

/** `71.3 (68.0–74.5)`; without the bracket where there is no interval, undefined where there is no measurement. */
export function withInterval(measurement: Pick<Measurement, "value" | "interval"> | undefined): string | undefined {
  if (!measurement) return undefined;
  const { value, interval } = measurement;
  return interval ? `${score(value)} (${score(interval[0])}–${score(interval[1])})` : score(value);
}

/** Four significant digits, small and large ones with an exponent. */
export function plain(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return minus(value.toExponential(2));
  return minus(String(Number(value.toPrecision(4))));
}

/** `12,345`. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** True when two intervals share a value; undefined when one is missing. */
export function overlap(a: readonly [number, number] | undefined, b: readonly [number, number] | undefined): boolean | undefined {
  return a && b ? a[0] <= b[1] && b[0] <= a[1] : undefined;
}

function minus(text: string): string {
  return text.replace(/^-/, "−").replace("e-", "e−").replace("e+", "e");
}
