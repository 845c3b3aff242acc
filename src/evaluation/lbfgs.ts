/** A smooth function of many variables: its value and gradient at a point. */
export type Objective = (at: Float64Array) => { readonly value: number; readonly gradient: Float64Array };

export interface LbfgsOptions {
  /** Pairs of steps and gradient changes that stand for the curvature. */
  readonly memory?: number;
  readonly maxIterations?: number;
  /** Done when no entry of the gradient is larger. */
  readonly tolerance?: number;
}

export interface Minimum {
  readonly at: Float64Array;
  readonly value: number;
  readonly iterations: number;
  /** The gradient came below the tolerance. */
  readonly converged: boolean;
}

interface Point {
  readonly at: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
}
interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  /** 1 / (step · change), above 0. */
  readonly rho: number;
}

/** Sufficient decrease and curvature of the weak Wolfe conditions, as in Nocedal and Wright's chapter 3. */
const decrease = 1e-4;
const curvature = 0.9;
const searchSteps = 40;

/**
 * Limited-memory BFGS from `start`: the same numbers each time. It ends early, not converged, where rounding lets no step descend.
 * Source: Liu and Nocedal 1989, algorithm 2.1; the line search bisects between the two weak Wolfe conditions.
 */
export function minimise(objective: Objective, start: Float64Array, options: LbfgsOptions = {}): Minimum {
  const { memory = 10, maxIterations = 1000, tolerance = 1e-5 } = options;
  let point: Point = { at: Float64Array.from(start), ...objective(start) };
  let pairs: readonly Pair[] = [];
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    if (largest(point.gradient) <= tolerance) return result(point, iteration, true);
    const next = search(objective, point, { direction: descent(point.gradient, pairs), first: pairs.length === 0 });
    if (!next) return result(point, iteration, false);
    const step = minus(next.at, point.at);
    const change = minus(next.gradient, point.gradient);
    const product = dot(step, change);
    if (product > 0) pairs = [...pairs.slice(pairs.length === memory ? 1 : 0), { step, change, rho: 1 / product }];
    point = next;
  }
  return result(point, maxIterations, largest(point.gradient) <= tolerance);
}

const result = ({ at, value }: Point, iterations: number, converged: boolean): Minimum => ({ at, value, iterations, converged });

/** −H·gradient by the two loops over the stored pairs. */
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((entry) => -entry);
  const factors: number[] = [];
  for (const { step, change, rho } of [...pairs].reverse()) {
    const factor = rho * dot(step, direction);
    factors.push(factor);
    addTo(direction, change, -factor);
  }
  const last = pairs.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.change, last.change));
    for (let i = 0; i < direction.length; i++) direction[i] = (direction[i] as number) * scale;
  }
  for (const { step, change, rho } of pairs) addTo(direction, step, (factors.pop() ?? 0) - rho * dot(change, direction));
  return direction;
}

/** A point along the direction that fulfils both conditions; the best descent found where rounding hides one; undefined when there is none. */
function search(
  objective: Objective,
  from: Point,
  { direction, first }: { readonly direction: Float64Array; readonly first: boolean },
): Point | undefined {
  const slope = dot(from.gradient, direction);
  if (!(slope < 0)) return undefined;
  let [low, high] = [0, Number.POSITIVE_INFINITY];
  // Without curvature the first step has length 1 at most.
  let size = first ? Math.min(1, 1 / Math.sqrt(dot(direction, direction))) : 1;
  let best: Point | undefined;
  for (let i = 0; i < searchSteps; i++) {
    const at = Float64Array.from(from.at);
    addTo(at, direction, size);
    const found: Point = { at, ...objective(at) };
    if (!(found.value <= from.value + decrease * size * slope)) high = size;
    else {
      best = found;
      if (dot(found.gradient, direction) >= curvature * slope) return found;
      low = size;
    }
    size = high === Number.POSITIVE_INFINITY ? 2 * size : (low + high) / 2;
  }
  return best;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function addTo(target: Float64Array, values: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] as number) + factor * (values[i] as number);
}

const minus = (a: Float64Array, b: Float64Array): Float64Array => a.map((entry, i) => entry - (b[i] as number));
const largest = (values: Float64Array): number => values.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
