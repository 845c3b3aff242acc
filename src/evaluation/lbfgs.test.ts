import { expect, test } from "vitest";
import { minimise, type Objective } from "./lbfgs.ts";

/** ½ Σ k·(x_k − k)² over k = 1…n. */
const bowl: Objective = (at) => ({
  value: at.reduce((sum, x, i) => sum + 0.5 * (i + 1) * (x - i - 1) ** 2, 0),
  gradient: at.map((x, i) => (i + 1) * (x - i - 1)),
});
const rosenbrock: Objective = (at) => {
  const [x = 0, y = 0] = at;
  return {
    value: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
    gradient: Float64Array.of(-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)),
  };
};

test("the minimum of a quadratic form is its centre", () => {
  const { at, value, converged } = minimise(bowl, new Float64Array(20), { tolerance: 1e-10 });
  expect(converged).toBe(true);
  for (const [i, x] of at.entries()) expect(x).toBeCloseTo(i + 1, 9);
  expect(value).toBeLessThan(1e-18);
});

test("Rosenbrock's valley is followed from (−1.2, 1) to (1, 1) in fewer than 60 steps", () => {
  const { at, iterations, converged } = minimise(rosenbrock, Float64Array.of(-1.2, 1), { tolerance: 1e-9 });
  expect(converged).toBe(true);
  expect(iterations).toBeLessThan(60);
  for (const x of at) expect(x).toBeCloseTo(1, 8);
});

test("the start is unchanged, is the answer where the gradient is 0, and the same call gives the same bits", () => {
  const start = Float64Array.of(-1.2, 1);
  const once = minimise(rosenbrock, start);
  expect([...start]).toEqual([-1.2, 1]);
  expect(minimise(rosenbrock, start)).toEqual(once);
  expect(minimise(rosenbrock, Float64Array.of(1, 1))).toMatchObject({ iterations: 0, value: 0, converged: true });
});

test("too few iterations, and a function that cannot descend, are said not to converge", () => {
  expect(minimise(rosenbrock, Float64Array.of(-1.2, 1), { maxIterations: 3 })).toMatchObject({ iterations: 3, converged: false });
  const wrongSign: Objective = (at) => ({ value: at[0] ?? 0, gradient: Float64Array.of(-1) });
  expect(minimise(wrongSign, Float64Array.of(2))).toMatchObject({ value: 2, converged: false });
});
