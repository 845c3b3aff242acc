import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clipLoss } from "../../../test/fixtures/continual/features.ts";
import { openWorld, type World } from "../../../test/fixtures/training/stage.ts";
import { type StepEvent, stepsUnder } from "../../../test/fixtures/training/steps.ts";
import { item, type Tensor } from "../../engine/tensor.ts";
import { compose } from "../compose.ts";
import type { Method } from "../method.ts";
import er from "./er.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const built = (options: object = {}): Method => er.build(er.options.parse(options));
describe("experience replay", () => {
  test("of an empty reservoir is plain fine-tuning, and no first step is another", async () => {
    const [replayed, plain] = [await stepsUnder(world, compose([{ name: "er", method: built() }])), await stepsUnder(world, compose([]))];
    const told = ({ losses, gradientNorm }: StepEvent) => ({ losses, gradientNorm });
    expect(told(replayed[0] as StepEvent)).toEqual(told(plain[0] as StepEvent));
    expect(replayed.map(({ losses }) => losses["er/replay"] !== undefined)).toEqual([false, true, true, true, true]);
    expect(replayed[1]?.gradientNorm).not.toBe(plain[1]?.gradientNorm);
  });

  test("costs alpha times CLIP's loss of the drawn pairs among themselves, at the learned temperature", async () => {
    const method = built({ alpha: 0.25 });
    const compared: (readonly [number, number])[] = [];
    const scales = new Set<number>();
    const watching: Method = {
      ...method,
      loss: (batch, state) => {
        const terms = method.loss?.(batch, state) ?? {};
        const drawn = batch.rows.flatMap(({ role }, i) => (role === "reservoir" ? [i] : []));
        if (drawn.length > 0) compared.push([item(terms.replay as Tensor), 0.25 * clipLoss(batch, drawn)]);
        scales.add(item(batch.scale));
        return terms;
      },
    };
    await stepsUnder(world, compose([{ name: "er", method: watching }]));
    expect(compared).toHaveLength(4);
    for (const [term, expected] of compared) expect(Math.abs(term / expected - 1)).toBeLessThan(1e-5);
    expect(Math.min(...scales)).toBeGreaterThan(10);
  });

  test("draws what earlier steps drew of the update pool, as they drew it, and leaves it out of the batch's own loss", async () => {
    const method = built({ draw: 2, size: 4 });
    const pixelsOf: string[][] = [];
    const drawn: (readonly string[])[] = [];
    const watching: Method = {
      ...method,
      loss: (batch, state) => {
        drawn.push(batch.rows.flatMap(({ role, id, caption }) => (role === "reservoir" ? [`${id} ${caption}`] : [])));
        pixelsOf.push(batch.rows.flatMap(({ role, id, caption }) => (role === "update" ? [`${id} ${caption}`] : [])));
        return method.loss?.(batch, state) ?? {};
      },
    };
    await stepsUnder(world, compose([{ name: "er", method: watching }]));
    expect(drawn.map(({ length }) => length)).toEqual([0, 2, 2, 2, 2]);
    drawn.forEach((rows, step) => {
      const earlier = new Set(pixelsOf.slice(0, step).flat());
      for (const row of rows) expect(earlier.has(row), `${row} in step ${step}`).toBe(true);
    });
    // At alpha 0 the drawn rows are computed and count for nothing.
    const [silent, plain] = [
      await stepsUnder(world, compose([{ name: "er", method: built({ alpha: 0 }) }])),
      await stepsUnder(world, compose([])),
    ];
    for (const [i, { losses }] of silent.entries()) expect(Math.abs((losses.loss ?? 0) - (plain[i]?.losses.loss ?? 0))).toBeLessThan(1e-3);
  });
});
