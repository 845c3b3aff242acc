import { describe, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { bootstrapTriple, itemResamples, pairedBootstrap, type SetOutcomes, setScore } from "./bootstrap.ts";
import { percentileInterval, standardDeviation, standardErrorOfMean, wilson } from "./intervals.ts";

const random = createRandom(0);
/** `hits` right items, spread over the whole set. */
const binary = (set: string, items: number, hits: number): SetOutcomes => ({
  set,
  items,
  directions: [
    { hits: Uint8Array.from({ length: items }, (_, i) => (Math.floor(((i + 1) * hits) / items) > Math.floor((i * hits) / items) ? 1 : 0)) },
  ],
});

describe("wilson", () => {
  test.each([
    [150, 300, 0.44378, 0.55622],
    [47, 1000, 0.035527, 0.06194],
    // at the border the far end is z²/(n + z²)
    [0, 10, 0, 0.277533],
    [10, 10, 0.722467, 1],
  ])("%i of %i is %f to %f", (hits, trials, low, high) => {
    const got = wilson(hits, trials) ?? [Number.NaN, Number.NaN];
    expect(Math.abs(got[0] - low)).toBeLessThanOrEqual(5e-7);
    expect(Math.abs(got[1] - high)).toBeLessThanOrEqual(5e-7);
  });
  test("says nothing without trials", () => {
    expect(wilson(0, 0)).toBeUndefined();
  });
});

describe("spread", () => {
  test("percentiles interpolate between order statistics", () => {
    const got = percentileInterval(Array.from({ length: 101 }, (_, i) => 100 - i));
    expect(got?.[0]).toBeCloseTo(2.5, 12);
    expect(got?.[1]).toBeCloseTo(97.5, 12);
    expect(percentileInterval([])).toBeUndefined();
    expect(percentileInterval([3])).toEqual([3, 3]);
  });
  test("standard errors follow the closed forms", () => {
    expect(standardErrorOfMean([{ share: 0.5, samples: 100 }])).toBe(0.05);
    expect(
      standardErrorOfMean([
        { share: 0.5, samples: 100 },
        { share: 1, samples: 5 },
      ]),
    ).toBe(0.025);
    expect(standardErrorOfMean([])).toBeUndefined();
    expect(standardDeviation([1, 2, 3, 4])).toBeCloseTo(Math.sqrt(5 / 3), 12);
    expect(standardDeviation([1])).toBeUndefined();
  });
});

describe("bootstrap", () => {
  const streamed = [binary("a", 400, 200), binary("b", 300, 240)];
  const heldOut = [binary("c", 500, 350)];
  test("agrees with the analytic error within 5 % on binomial data", () => {
    const got = bootstrapTriple(random, { streamed, heldOut }, 4000);
    const ka =
      standardErrorOfMean([
        { share: 0.5, samples: 400 },
        { share: 0.8, samples: 300 },
      ]) ?? Number.NaN;
    const zs = standardErrorOfMean([{ share: 0.7, samples: 500 }]) ?? Number.NaN;
    expect(got.knowledge?.value).toBeCloseTo(0.65, 12);
    expect(Math.abs((got.knowledge?.standardError ?? 0) / ka - 1)).toBeLessThan(0.05);
    expect(Math.abs((got.zeroShot?.standardError ?? 0) / zs - 1)).toBeLessThan(0.05);
    const width = (got.knowledge?.interval?.[1] ?? 0) - (got.knowledge?.interval?.[0] ?? 0);
    expect(Math.abs(width / (2 * 1.959964 * ka) - 1)).toBeLessThan(0.05);
    expect(got.geometricMean?.value).toBeCloseTo(Math.sqrt(0.65 * 0.7), 12);
  });
  test("another set changes no set's resamples, and the same seed gives the same numbers", () => {
    const alone = bootstrapTriple(random, { streamed, heldOut });
    expect(bootstrapTriple(random, { streamed, heldOut: [binary("d", 50, 5), ...heldOut] }).knowledge).toEqual(alone.knowledge);
    expect(bootstrapTriple(createRandom(0), { streamed, heldOut })).toEqual(alone);
    expect(bootstrapTriple(createRandom(1), { streamed, heldOut }).knowledge).not.toEqual(alone.knowledge);
  });
  test("retrieval keeps an image's captions together", () => {
    const images = 60;
    const captions: SetOutcomes = {
      set: "r",
      items: images,
      directions: [
        { hits: Array.from({ length: images }, (_, i) => (i % 2 ? 5 : 0)), trials: new Array<number>(images).fill(5) },
        { hits: Array.from({ length: images }, (_, i) => i % 2) },
      ],
    };
    const got = bootstrapTriple(random, { streamed: [captions], heldOut: [] }, 3000);
    expect(got.knowledge?.value).toBe(0.5);
    // Both directions agree image by image, so the error is that of 60 images, not of 360 outcomes.
    expect(Math.abs((got.knowledge?.standardError ?? 0) / Math.sqrt(0.25 / images) - 1)).toBeLessThan(0.05);
    expect([got.zeroShot, got.geometricMean]).toEqual([undefined, undefined]);
    const empty: SetOutcomes = { set: "e", items: 0, directions: [{ hits: [] }] };
    expect(bootstrapTriple(random, { streamed: [captions, empty], heldOut: [empty] }, 3000)).toEqual(got);
  });
  test("pairing removes what the two runs share", () => {
    const better: SetOutcomes = { ...(streamed[0] as SetOutcomes) };
    const hits = Uint8Array.from(better.directions[0]?.hits ?? []);
    hits.fill(1, 0, 20); // ten more right
    const got = pairedBootstrap(random, { a: [{ ...better, directions: [{ hits }] }], b: [better] });
    expect(got?.value).toBeCloseTo(10 / 400, 12);
    expect(got?.interval?.[0]).toBeGreaterThan(0);
    expect(got?.standardError).toBeLessThan(0.5 * Math.sqrt((2 * 0.25) / 400));
    expect(pairedBootstrap(random, { a: streamed, b: streamed })).toEqual({ value: 0, standardError: 0, interval: [0, 0] });
    expect(() => pairedBootstrap(random, { a: streamed, b: heldOut })).toThrow(/different items: a \(400\), b \(300\) against c \(500\)/);
  });
  test("items drawn one by one for many runs spread as kinds drawn for two, and a run's numbers are its own", () => {
    const [a, b] = [binary("a", 300, 150), binary("a", 300, 120)];
    const draws = () => random.at("claims/items/a");
    const [x = [], y = []] = itemResamples(draws(), [a, b], 4000);
    const difference = Float64Array.from(x, (value, r) => value - (y[r] ?? Number.NaN));
    const paired = pairedBootstrap(random, { a: [a], b: [b] }, 4000);
    expect(difference[0]).toBeCloseTo(0.1, 12);
    expect(Math.abs((standardDeviation(difference.subarray(1)) ?? 0) / (paired?.standardError ?? 0) - 1)).toBeLessThan(0.05);
    expect(itemResamples(draws(), [b], 4000)[0]).toEqual(y);
    expect(() => itemResamples(draws(), [a, binary("a", 200, 100)])).toThrow("no resample in common");
    const retrieval: SetOutcomes = { set: "r", items: 2, directions: [{ hits: [1, 0] }, { hits: [1, 4], trials: [2, 6] }] };
    // (1/2 + 5/8) / 2
    expect([setScore(retrieval), itemResamples(draws(), [retrieval], 0)[0]?.[0]]).toEqual([0.5625, 0.5625]);
  });
});
