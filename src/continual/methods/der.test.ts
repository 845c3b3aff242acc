import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorld, type World } from "../../../test/fixtures/training/stage.ts";
import { type RunChanges, stepsUnder } from "../../../test/fixtures/training/steps.ts";
import { readFloats, type Tensor } from "../../engine/tensor.ts";
import { compose } from "../compose.ts";
import type { DrawnAt, Method } from "../method.ts";
import type { StoredFeatures } from "../stored-logits.ts";
import der from "./der.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const built = (options: object = {}): Method => der.build(der.options.parse(options));

/** The term in each step; undefined where there is none. */
const termsOf = async (method: Method, over: RunChanges = {}): Promise<readonly (number | undefined)[]> =>
  (await stepsUnder(world, compose([{ name: "der", method }]), over)).map(({ losses }) => losses["der/logits"]);

const still: RunChanges = { schedule: () => 0 };

test("the term is absent while the reservoir is empty, zero while no weight has moved, and grows with them", async () => {
  const [first, ...unmoved] = await termsOf(built(), still);
  expect(first).toBeUndefined();
  expect(unmoved).toHaveLength(4);
  // The same sample among other rows of a batch differs by rounding: 1e-6 of a cosine, times a scale of 14, squared and over 100.
  for (const value of unmoved) expect(Math.abs(value ?? 1)).toBeLessThan(1e-11);
  const [, ...moved] = await termsOf(built());
  for (const value of moved) expect(value).toBeGreaterThan(1e-7);
});

test("alpha scales the term, and the published form is smaller by the square of the scale over 100", async () => {
  const [small, large, bare] = [
    (await termsOf(built({ alpha: 0.3 })))[1] ?? 0,
    (await termsOf(built({ alpha: 0.9 })))[1] ?? 0,
    (await termsOf(built({ alpha: 0.3, logits: "published" })))[1] ?? 0,
  ];
  expect(Math.abs(large / small - 3)).toBeLessThan(1e-4);
  // All of step 1 were stored in step 0, at the initial exp(logit_scale) = 1 / 0.07.
  expect(Math.abs(small / bare - (1 / 0.07) ** 2 / 100)).toBeLessThan(1e-3);
});

test("a row meets the features of the very step and place that drew it", async () => {
  const method = built({ size: 3, draw: 2 });
  const seen = new Map<string, readonly number[]>();
  const places = new Map<string, ReadonlyMap<number, DrawnAt>>();
  const compared: (readonly [readonly number[], readonly number[]])[] = [];
  const width = 16;
  const rowOf = (of: Tensor, row: number): readonly number[] => [...readFloats(of).subarray(row * width, (row + 1) * width)];
  const watching: Method = {
    ...method,
    rows: (at, drawn, facts) => {
      const asked = method.rows?.(at, drawn, facts) ?? [];
      places.set(`${at.task}/${at.step}`, new Map(asked.map(({ mark, from }) => [mark?.slot ?? -1, from])));
      return asked;
    },
    afterStep: (step, state) => {
      step.rows.forEach((_, row) => {
        const { image, text } = step.features;
        seen.set(`${step.at.task}/${step.at.step}/${row}`, [...rowOf(image, row), ...rowOf(text, row), step.scale]);
      });
      return method.afterStep?.(step, state) ?? null;
    },
    loss: (batch, state) => {
      const { image, text, scale } = state as StoredFeatures;
      for (const [slot, { task, step, row }] of places.get(`${batch.at.task}/${batch.at.step}`) ?? []) {
        const stored = [...rowOf(image as Tensor, slot), ...rowOf(text as Tensor, slot), readFloats(scale as Tensor)[slot] ?? 0];
        compared.push([stored, seen.get(`${task}/${step}/${row}`) ?? []]);
      }
      return method.loss?.(batch, state) ?? {};
    },
  };
  await termsOf(watching);
  expect(compared).toHaveLength(8);
  for (const [stored, expected] of compared) {
    expect(stored.slice(0, -1)).toEqual(expected.slice(0, -1));
    expect(Math.abs((stored.at(-1) ?? 0) - (expected.at(-1) ?? 1))).toBeLessThan(1e-5);
  }
  expect(new Set(compared.map(([stored]) => stored.join())).size).toBeGreaterThan(3);
});
