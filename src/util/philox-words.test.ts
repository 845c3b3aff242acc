import fc from "fast-check";
import { expect, test } from "vitest";
import { firstPhiloxWords } from "./philox-words.ts";
import { philox, philoxKey } from "./random.ts";

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test("each word is Philox's first at its own counter, for any key, step and task, past the end of 32 bits too", () => {
  fc.assert(
    fc.property(
      fc.record({ from: word, step: word, task: word }),
      fc.tuple(word, word),
      fc.integer({ min: 1, max: 9 }),
      (run, key, size) => {
        const expected = Array.from({ length: size }, (_, i) => philox([0, (run.from + i) >>> 0, run.step, run.task], key)[0]);
        expect([...firstPhiloxWords(size, run, key)]).toEqual(expected);
      },
    ),
  );
});

test("the words of the published test vectors", () => {
  // Philox 4x32-10 of Random123's known answers whose first counter word is 0: all words 0.
  expect([...firstPhiloxWords(1, { from: 0, step: 0, task: 0 }, [0, 0])]).toEqual([0x6627e8d5]);
});

test("runs longer than a call's room go on where it ended", () => {
  const key = philoxKey(7, "merge/dare");
  const size = 150_001;
  const words = firstPhiloxWords(size, { from: 5, step: 2, task: 1 }, key);
  for (const i of [0, 65_535, 65_536, 131_071, 131_072, size - 1]) expect([i, words[i]]).toEqual([i, philox([0, 5 + i, 2, 1], key)[0]]);
  expect(words).toHaveLength(size);
  expect([...firstPhiloxWords(0, { from: 0, step: 0, task: 0 }, key)]).toEqual([]);
});
