import { describe, expect, test } from "vitest";
import { requireGrad } from "../../src/engine/grad.ts";
import { memory } from "../../src/engine/memory.ts";
import { clone, mulNumber, to, zeros } from "../../src/engine/ops.ts";
import { release, scope } from "../../src/engine/scope.ts";
import { read, readFloats, scalar, type Weights } from "../../src/engine/tensor.ts";
import { type OptimizerDefinition, type OptimizerState, optimizers } from "../../src/nn/optimizer.ts";
import { judgedParts, shippedParts } from "../fixtures/judged-parts.ts";
import { gradientsAt, slotsOf, startWeights, steps, valuesOf } from "./optimizer-vectors.ts";

// What is true of every optimizer, over the catalogue.

const names = judgedParts("optimizer");

/** Small enough to act on the toy matrices, where an optimizer has such an option. */
function optionsOf(definition: OptimizerDefinition): unknown {
  const small = definition.options.safeParse({ r: 2, gap: 3 });
  return small.success ? small.data : definition.options.parse({});
}

const copied = (state: OptimizerState): OptimizerState =>
  Object.fromEntries(
    Object.entries(state).map(([kind, weights]) => [kind, new Map([...weights].reverse().map(([name, value]) => [name, clone(value)]))]),
  );

test("the catalogue holds those of the run file", () => {
  expect(shippedParts("optimizer")).toEqual(["adamw", "galore", "lion", "muon", "sgd"]);
});

describe.each(names)("%s", (name) => {
  test("says what it does and refuses an option it does not know", async () => {
    const { summary, source, options } = await optimizers.load(name);
    expect(summary.length).toBeGreaterThan(20);
    expect(source).toBeTruthy();
    expect(options.safeParse({ unheardOf: 1 }).success).toBe(false);
  });

  test("the same steps give the same bits, and moments read back by name go on with them", async () => {
    const definition = await optimizers.load(name);
    const options = optionsOf(definition);
    scope(() => {
      const run = (stopAt: number): ReadonlyMap<string, Float32Array> => {
        const weights = startWeights();
        const state = definition.init(weights, options);
        steps(definition, options, { weights, state, from: 1, to: stopAt });
        const [goneOn, stored]: [Weights, OptimizerState] = [
          new Map([...weights].map(([own, value]) => [own, clone(value)])),
          copied(state),
        ];
        steps(definition, options, { weights: goneOn, state: stored, from: stopAt + 1, to: 7 });
        return valuesOf(goneOn);
      };
      const whole = run(7);
      for (const stopAt of [1, 2, 3, 4]) expect(run(stopAt)).toEqual(whole);
    });
  });

  test("moments belong to the weights they were made for, one device, float32", async () => {
    const definition = await optimizers.load(name);
    scope(() => {
      const weights = startWeights();
      for (const kind of Object.values(definition.init(weights, optionsOf(definition))))
        for (const [own, value] of kind) expect([weights.has(own), value.dtype, value.device]).toEqual([true, "float32", "cpu"]);
    });
  });

  test("clipping scales the gradient: by 0.5 it is the step of half of it", async () => {
    const definition = await optimizers.load(name);
    const options = optionsOf(definition);
    scope(() => {
      const ends = [1, 0.5].map((scale) => {
        const weights = startWeights();
        const gradients = gradientsAt(1).map((each) => (scale === 1 ? mulNumber(each, 0.5) : each));
        definition.step(slotsOf(weights), gradients, definition.init(weights, options), { step: 1, scale: scalar(scale), options });
        return valuesOf(weights);
      });
      expect(ends[1]).toEqual(ends[0]);
    });
  });

  test("a rate of 0 moves nothing; bfloat16 copies follow their weights, whose gradients may be bfloat16", async () => {
    const definition = await optimizers.load(name);
    const options = optionsOf(definition);
    scope(() => {
      const weights = startWeights();
      const before = valuesOf(weights);
      const slots = (learningRate: number) =>
        slotsOf(weights, { learningRate }).map((slot) => ({ ...slot, copy: to(slot.weight, "bfloat16") }));
      const state = definition.init(weights, options);
      definition.step(slots(0), gradientsAt(1), state, { step: 1, scale: scalar(1), options });
      expect(valuesOf(weights)).toEqual(before);
      const moved = slots(0.1);
      definition.step(
        moved,
        gradientsAt(2).map((each) => to(each, "bfloat16")),
        state,
        { step: 2, scale: scalar(1), options },
      );
      for (const { name: own, weight, copy } of moved) {
        expect(readFloats(weight)).not.toEqual(before.get(own));
        expect(read(copy)).toEqual(read(to(weight, "bfloat16")));
      }
    });
  });

  test("leaves no tensor behind, and takes its step on shapes alone", async () => {
    const definition = await optimizers.load(name);
    const options = optionsOf(definition);
    const before = memory().tensors;
    scope(() => {
      const weights: Weights = new Map([...startWeights()].map(([own, { shape }]) => [own, zeros(shape, "float32", "meta")]));
      requireGrad(weights.values());
      const state = definition.init(weights, options);
      const gradients = [...weights.values()].map(({ shape }) => zeros(shape, "float32", "meta"));
      definition.step(slotsOf(weights), gradients, state, { step: 1, scale: scalar(1), options });
      release(state);
    });
    expect(memory().tensors).toBe(before);
  });
});
