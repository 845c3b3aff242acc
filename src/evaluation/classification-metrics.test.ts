import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { createClassificationCounts } from "./classification-metrics.ts";

const oneHot = (labels: readonly number[], classes: number): number[] =>
  labels.flatMap((label) => Array.from({ length: classes }, (_, c) => (c === label ? 1 : 0)));

describe("classification counts", () => {
  test("a hand-worked case of six classes", () => {
    const counts = createClassificationCounts(6);
    //           0   1   2   3   4   5
    counts.add([0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0, 0]);
    counts.add([0.1, 0.7, 0.2, 0.3, 0.4, 0.5], [1]);
    expect(counts.metrics()).toEqual({ acc1: 2 / 3, acc5: 2 / 3, mean_per_class_recall: (1 / 2 + 1) / 2 });
    expect([...counts.outcomes()]).toEqual([1, 0, 1]);
    expect(counts.samples).toBe(3);
  });
  test("labels are not re-based when class 0 is absent from the test data", () => {
    const counts = createClassificationCounts(8);
    const labels = [1, 2, 7, 7];
    counts.add(oneHot(labels, 8), labels);
    expect(counts.metrics()).toEqual({ acc1: 1, acc5: 1, mean_per_class_recall: 1 });
  });
  test("ties go to the lowest index", () => {
    const counts = createClassificationCounts(3);
    counts.add([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], [0, 1]);
    expect([...counts.outcomes()]).toEqual([1, 0]);
  });
  test("a score that is no number is never right", () => {
    for (const classes of [1, 2, 9]) {
      const counts = createClassificationCounts(classes);
      counts.add(new Float32Array(classes).fill(Number.NaN), [0]);
      expect(counts.metrics()?.acc1, `${classes} classes`).toBe(0);
    }
    const other = createClassificationCounts(2);
    other.add([1, Number.NaN], [0]);
    expect(other.metrics()?.acc1).toBe(0);
  });
  test("shuffled labels score chance within five standard errors", () => {
    const [n, classes] = [6000, 10];
    const draws = createRandom(0).at("test");
    const counts = createClassificationCounts(classes);
    for (let i = 0; i < n; i++) counts.add(oneHot([draws.below(classes)], classes), [draws.below(classes)]);
    expect(Math.abs((counts.metrics()?.acc1 ?? 0) - 0.1)).toBeLessThan(5 * Math.sqrt((0.1 * 0.9) / n));
  });
  test("blocks do not change anything, and acc5 equals sorting", () => {
    const item = fc.tuple(fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 7, maxLength: 7 }), fc.nat({ max: 6 }));
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 20 }), (items) => {
        const whole = createClassificationCounts(7);
        whole.add(
          items.flatMap(([scores]) => scores),
          items.map(([, label]) => label),
        );
        const single = createClassificationCounts(7);
        for (const [scores, label] of items) single.add(scores, [label]);
        expect(single.metrics()).toEqual(whole.metrics());
        const first = (k: number): number =>
          items.filter(([scores, label]) =>
            [...scores.keys()]
              .sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b)
              .slice(0, k)
              .includes(label),
          ).length / items.length;
        expect(whole.metrics()?.acc1).toBe(first(1));
        expect(whole.metrics()?.acc5).toBe(first(5));
      }),
    );
  });
  test("acc5 is undefined below five classes, and nothing is said of no items", () => {
    const counts = createClassificationCounts(4);
    expect(counts.metrics()).toBeUndefined();
    counts.add([1, 0, 0, 0], [0]);
    expect(counts.metrics()?.acc5).toBeUndefined();
  });
  test("labels outside the list and odd lengths throw", () => {
    const counts = createClassificationCounts(2);
    for (const label of [-1, 2, Number.NaN]) expect(() => counts.add([0, 1], [label])).toThrow(RangeError);
    expect(() => counts.add([0, 1, 2], [0])).toThrow(RangeError);
  });
});
