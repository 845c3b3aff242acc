import fc from "fast-check";
import { expect, test } from "vitest";
import type { SetOutcomes } from "./bootstrap.ts";
import { packHits, trialsOf, unpackHits } from "./trial-outcomes.ts";

const plain = (outcomes: SetOutcomes | undefined): unknown =>
  outcomes && {
    ...outcomes,
    directions: outcomes.directions.map(({ hits, trials }) => ({
      hits: [...Array.from(hits)],
      ...(trials ? { trials: Array.from(trials) } : {}),
    })),
  };

test("classification takes one bit an item, the first in the lowest place", () => {
  const outcomes: SetOutcomes = { set: "a", items: 9, directions: [{ hits: [1, 0, 0, 0, 0, 0, 0, 1, 1] }] };
  expect(trialsOf(outcomes)).toEqual({});
  // 0b10000001, 0b00000001
  expect(packHits(outcomes)).toBe("gQE=");
  expect(plain(unpackHits("a", { digest: "d", items: 9 }, "gQE="))).toEqual(plain(outcomes));
});

test("an image's captions take as many bits as their count needs", () => {
  const outcomes: SetOutcomes = { set: "r", items: 2, directions: [{ hits: [1, 0] }, { hits: [5, 2], trials: [5, 5] }] };
  expect(trialsOf(outcomes)).toEqual({ trials: [1, 5] });
  // 1, 0, then 101 and 010 from the lowest bit: 1 0 1 0 1 0 1 0
  expect(packHits(outcomes)).toBe(Buffer.from([0b01010101]).toString("base64"));
  expect(trialsOf({ ...outcomes, directions: [{ hits: [1, 0] }, { hits: [5, 2], trials: [5, 6] }] })).toEqual({ trials: [1, [5, 6]] });
});

test("what is packed is what is read, whatever the counts; a text of another length is refused", () => {
  const anyOutcomes = fc.integer({ min: 1, max: 40 }).chain((items) => {
    const trials = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: items, maxLength: items });
    return trials.chain((each) =>
      fc
        .tuple(
          fc.array(fc.integer({ min: 0, max: 1 }), { minLength: items, maxLength: items }),
          fc.tuple(...each.map((most) => fc.integer({ min: 0, max: most }))),
        )
        .map(([first, second]): SetOutcomes => ({ set: "r", items, directions: [{ hits: first }, { hits: second, trials: each }] })),
    );
  });
  fc.assert(
    fc.property(anyOutcomes, (outcomes) => {
      const about = { digest: "d", items: outcomes.items, ...trialsOf(outcomes) };
      const text = packHits(outcomes);
      const read = plain(unpackHits("r", about, text)) as { directions: { hits: number[]; trials?: number[] }[] };
      const given = plain(outcomes) as typeof read;
      expect(read.directions.map(({ hits }) => hits)).toEqual(given.directions.map(({ hits }) => hits));
      expect(read.directions[1]?.trials ?? read.directions[1]?.hits.map(() => 1)).toEqual(given.directions[1]?.trials);
      expect(unpackHits("r", { ...about, items: outcomes.items + 8 }, text)).toBeUndefined();
    }),
  );
});
