import fc from "fast-check";
import { expect, test } from "vitest";
import { type NamedOutcomes, splitScores } from "./split-scores.ts";

const classified = (set: string, flags: readonly number[]): NamedOutcomes => ({
  ...{ set, items: flags.length, ids: flags.map((_, i) => `${set}/${i}`), directions: [{ hits: flags }] },
});
const ids = (set: string, ...items: number[]): string[] => items.map((item) => `${set}/${item}`);

test("a test is the mean over its sets, each by its own items of it", () => {
  const sets = [classified("a", [1, 1, 0, 0]), classified("b", [1, 0]), classified("h", [1, 1, 1, 0])];
  const { static: still, dynamic } = splitScores(sets, {
    static: ids("h", 0, 1, 2, 3),
    dynamic: [[...ids("a", 0, 2), ...ids("b", 0)], ids("a", 3), ids("c", 0), []],
  });
  expect(still).toMatchObject({ metric: "static", value: 0.75, samples: 4 });
  expect(dynamic.map((each) => each && [each.value, each.samples])).toEqual([[0.75, 3], [0, 1], null, null]);
  // √(.5 · .5 / 2 + 0) / 2 on either side.
  const half = (1.959964 * Math.sqrt(0.125)) / 2;
  expect(dynamic[0]?.interval?.map((end) => Number(end.toFixed(6)))).toEqual([Number((0.75 - half).toFixed(6)), 1]);
  // Wilson's of one set: 3 of 4.
  expect(still?.interval?.map((end) => Number(end.toFixed(4)))).toEqual([0.3006, 0.9544]);
});

test("of a retrieval set both directions count, captions with their image", () => {
  // Two images of one caption, one of two.
  const pairs: NamedOutcomes = {
    ...{ set: "r", items: 3, ids: ids("r", 0, 1, 2) },
    directions: [{ hits: [1, 0, 1] }, { hits: [1, 0, 1], trials: [1, 1, 2] }],
  };
  const of = (...items: number[]): number | undefined =>
    splitScores([pairs], { static: [], dynamic: [ids("r", ...items)] }).dynamic[0]?.value;
  expect(of(0, 1, 2)).toBeCloseTo((2 / 3 + 2 / 4) / 2, 12);
  expect(of(1, 2)).toBeCloseTo((1 / 2 + 1 / 3) / 2, 12);
});

test("no sets, no static tests: nothing is said, and nothing is 0", () => {
  expect(splitScores([], { static: ids("h", 0), dynamic: [ids("a", 0)] })).toEqual({ dynamic: [null] });
});

test("of one set, tests that share nothing and leave nothing out have the set's score as their mean by items", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.nat(2)), { minLength: 1, maxLength: 30 }), (items) => {
      const dynamic = [0, 1, 2].map((task) => items.flatMap(([, own], i) => (own === task ? [`a/${i}`] : [])));
      const found = splitScores(
        [
          classified(
            "a",
            items.map(([flag]) => flag),
          ),
        ],
        { static: [], dynamic },
      ).dynamic;
      const hits = found.reduce((sum, each) => sum + (each ? each.value * each.samples : 0), 0);
      expect(hits).toBeCloseTo(
        items.reduce((sum, [flag]) => sum + flag, 0),
        9,
      );
    }),
  );
});
