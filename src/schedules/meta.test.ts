import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { build, curve, worst } from "../../test/fixtures/schedules/multipliers.ts";

// The protocol's formulas for equal tasks with every product by t or t + 1 written as a sum over the tasks it counts.
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const half = (x: number): number => (1 + Math.cos(Math.PI * x)) / 2;

interface Case {
  readonly steps: readonly number[];
  /** Warm-up and cool-down of every task. */
  readonly W: number;
  readonly C: number;
}
const cases = fc
  .record({
    W: fc.integer({ min: 1, max: 4 }),
    C: fc.integer({ min: 0, max: 4 }),
    more: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
  })
  // Long enough that the three phases do not overlap.
  .map(({ W, C, more }): Case => ({ W, C, steps: more.map((extra) => W + C + extra) }));

const Dn = ({ steps, W, C }: Case): readonly number[] => steps.map((S) => S - C - W);
const formulas: Readonly<Record<string, (of: Case, t: number, s: number) => number>> = {
  "ar-cosine": ({ steps, W }, t, s) => {
    const decayed = steps.map((S) => S - W);
    const peak = t === 0 ? 1 : half((sum(decayed.slice(0, t)) + 1) / sum(decayed.slice(0, t + 1)));
    return s < W ? (peak * (s + 1)) / W : peak * half((s - W + 1) / (decayed[t] ?? 0));
  },
  "cd-cosine": ({ steps, W }, t, s) => {
    const decayed = steps.map((S) => S - W);
    const all = sum(decayed.slice(0, t + 1));
    if (s < W) return ((t === 0 ? 1 : half((sum(decayed.slice(0, t)) + 1) / all)) * (s + 1)) / W;
    return half((sum(decayed.slice(0, t)) + s - W + 1) / all);
  },
  "ar-rsqrt": (of, t, s) => {
    const peak = Math.sqrt(((t + 1) * of.W) / (sum(of.steps.slice(0, t)) + of.W));
    return rsqrt(of, t, s, { peak, at: (step) => peak * Math.sqrt(of.W / Math.max(step, of.W)) });
  },
  "peaks-match": (of, t, s) => {
    const peak = Math.sqrt(of.W / (of.W + sum(Dn(of).slice(0, t))));
    return rsqrt(of, t, s, { peak, at: (step) => peak * Math.sqrt(of.W / Math.max(step, of.W)) });
  },
  "cd-rsqrt": (of, t, s) => {
    const before = sum(Dn(of).slice(0, t));
    return rsqrt(of, t, s, { peak: Math.sqrt(of.W / (of.W + before)), at: (step) => Math.sqrt(of.W / (Math.max(step, of.W) + before)) });
  },
};

function rsqrt({ steps, W, C }: Case, t: number, s: number, { peak, at }: { readonly peak: number; at(step: number): number }): number {
  const S = steps[t] ?? 0;
  if (s < W) return (peak * (s + 1)) / W;
  return s < S - C ? at(s) : (at(s) * (S - 1 - s)) / C;
}

describe("with tasks of unequal length", () => {
  test.each(Object.keys(formulas))("%s is its formula with sums over tasks", async (name) => {
    await fc.assert(
      fc.asyncProperty(cases, async (of) => {
        const options = { warmup: of.W, floor: 0, ...(name.endsWith("rsqrt") || name === "peaks-match" ? { cooldown: of.C } : {}) };
        const schedule = await build(name, options);
        for (const [t, S] of of.steps.entries()) {
          const want = Array.from({ length: S }, (_, s) => formulas[name]?.(of, t, s) ?? Number.NaN);
          expect(worst(curve(schedule, { steps: of.steps, task: t }), want)).toBeLessThanOrEqual(1e-12);
        }
      }),
      { numRuns: 60 },
    );
  });
});
