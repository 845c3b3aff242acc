import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { close, constant, mergingOverTime, scalars } from "../../../test/fixtures/continual/merged-scalars.ts";
import { digest, digestOf, goOn, openWorld, run, runUntil, stage, type World } from "../../../test/fixtures/training/stage.ts";
import { tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { memory } from "../../engine/memory.ts";
import { clone } from "../../engine/ops.ts";
import { keep, release, scope } from "../../engine/scope.ts";
import { readFloats, type Tensor, type Weights } from "../../engine/tensor.ts";
import { mergeWeights } from "../../merging/merge-weights.ts";
import { resolveMerge } from "../../merging/settings.ts";
import { compose, type Methods } from "../compose.ts";
import type { TaskContext } from "../method.ts";

const composed = (options: object): Methods => compose([{ name: "temporal-merging", method: mergingOverTime(options) }]);

describe("over scalars θ0 = 0, θ_i = i", () => {
  test("EMA-merge follows r_t = w·r_{t−1} + (1 − w)·θ_t", async () => {
    const { deploy, start } = await scalars({ weight: 0.9 }, [1, 2, 3, 4, 5]);
    close(deploy, [0.1, 0.29, 0.561, 0.9049, 1.31441]);
    close(start, deploy);
  });

  test("a chain from the first expert begins with it", async () => {
    const { deploy } = await scalars({ weight: 0.9, base: "first" }, [1, 2, 3, 4, 5]);
    close(deploy, [1, 1.1, 1.29, 1.561, 1.9049]);
  });

  test("FT-merge goes from and ships w·θ0 + (1 − w)·θ_t", async () => {
    const { deploy, start } = await scalars({ start: "anchored", deploy: "anchored", weight: 0.85 }, [1, 2, 3]);
    close(deploy, [0.15, 0.3, 0.45]);
    close(start, deploy);
  });

  test("ZS-merge trains from θ0 and ships the chain", async () => {
    const { deploy, start } = await scalars({ start: "zs", weight: 0.9 }, [1, 2, 3]);
    close(deploy, [0.1, 0.29, 0.561]);
    close(start, [0, 0, 0]);
  });

  test("w = 0 ships the expert, w = 1 the first weights", async () => {
    close((await scalars({ weight: 0 }, [1, 2, 3])).deploy, [1, 2, 3]);
    close((await scalars({ weight: 1 }, [1, 2, 3])).deploy, [0, 0, 0]);
  });

  test("a merge of all experts is their mean, however it is kept", async () => {
    close((await scalars({ start: "latest", deploy: "all" }, [1, 2, 3, 4])).deploy, [1, 1.5, 2, 2.5]);
    close((await scalars({ start: "latest", deploy: "all", reverse: true }, [1, 2, 3, 4])).deploy, [1, 1.5, 2, 2.5]);
    close((await scalars({ start: "latest", deploy: "all", includeBase: true }, [1, 2, 3])).deploy, [0.5, 1, 1.5]);
    close((await scalars({ start: "latest", deploy: "all", recency: "linear" }, [1, 2, 3])).deploy, [1, 5 / 3, 14 / 6]);
  });

  test("an operator over all task vectors takes each whole, however many there are, and by age relative to an equal share", async () => {
    const all = (operator: object, over: object = {}) => ({ start: "zs", deploy: "all", operator, ...over });
    close((await scalars(all({ name: "task-arithmetic" }), [1, 1, 1, 1])).deploy, [1, 2, 3, 4]);
    close((await scalars(all({ name: "ties", remove: 0 }), [1, 2])).deploy, [1, 1.5]);
    close((await scalars(all({ name: "magmax" }), [1, 2, 3, 4])).deploy, [1, 2, 3, 4]);
    close((await scalars(all({ name: "magmax" }, { includeBase: true }), [1, 2])).deploy, [1, 2]);
    close((await scalars(all({ name: "task-arithmetic", lambda: "mean" }, { recency: "linear" }), [1, 2, 3])).deploy, [1, 5 / 3, 14 / 6]);
    // What takes no weights takes equal ones.
    close((await scalars(all({ name: "opcm" }), [1, 2, 3])).deploy, [1, 1.5, 2]);
    await expect(scalars(all({ name: "opcm" }, { recency: "linear" }), [1, 2])).rejects.toThrow(/opcm takes no weights/);
  });

  test("the logit scale of a merge is clamped where training clamps it, and only there", async () => {
    const options = { start: "zs", weight: 0 };
    expect((await scalars(options, [6, 7])).scale).toEqual([Math.fround(Math.log(100)), Math.fround(Math.log(100))]);
    expect((await scalars(options, [6, 7], { clampsLogitScale: false })).scale).toEqual([6, 7]);
  });

  test("what no task could merge is refused before anything is trained", async () => {
    const three = [1, 2, 3];
    await expect(scalars({ deploy: "all", weight: 0.9, operator: "slerp" }, three)).rejects.toThrow(/slerp takes 2 models, got 3/);
    await expect(scalars({ start: "zs", deploy: "all", operator: "model-stock", includeBase: true }, three)).rejects.toThrow(
      /first weights/,
    );
    await expect(scalars({ operator: "opcm" }, three)).rejects.toThrow(/one after another itself/);
    await expect(scalars({}, three)).rejects.toThrow(/linear merges new and old by their shares, and none is given/);
    await expect(scalars({ weight: 0.5, towers: { text: { operator: "opcm" } } }, three)).rejects.toThrow(/opcm adds experts/);
  });

  test("each tower may have an operator, a weight and a modifier of its own", async () => {
    // What is looked at is the text tower's.
    const text = { operator: { name: "task-arithmetic", lambda: 0.5 } };
    close((await scalars({ start: "zs", weight: 0.9, towers: { text } }, [1, 2])).deploy, [0.5, 1.25]);
    close((await scalars({ start: "zs", weight: 0.9, towers: { image: text } }, [1, 2])).deploy, [0.1, 0.29]);
    close((await scalars({ start: "zs", weight: 0.9, towers: { text: { weight: 0.5 } } }, [1, 2])).deploy, [0.5, 1.25]);
  });

  test("after its first task a rule over all goes on from a copy, as after every other", async () => {
    close((await scalars({ start: "all", deploy: "all", operator: "magmax" }, [1, 2])).start, [1, 2]);
    const model = tinyModel();
    const expert = constant(model, 1);
    const method = mergingOverTime({ start: "all", deploy: "latest", operator: "magmax" });
    const context = {
      task: 0,
      run: { tasks: 2, seed: 0, clampsLogitScale: true },
      model,
      origin: async () => constant(model, 0),
      experts: { put: () => undefined },
    } as unknown as TaskContext;
    const flow = await method.flow?.(expert, context, (await method.init?.(context)) ?? null);
    expect([...(flow?.start ?? [])].every(([name, value]) => value !== expert.get(name))).toBe(true);
    expect(flow?.deploy).toBe(expert);
  });

  test("how far a merge led and how much an expert goes the old way is told of each tower", async () => {
    const { lineage } = await scalars({ start: "zs", weight: 0.5 }, [1, -2]);
    const [first, second] = lineage.map(({ made }) => made[0]?.towers?.text);
    expect(first?.cosine).toBeUndefined();
    expect(second?.cosine).toBeCloseTo(-1, 12);
    // r = 0.5, then −0.75: distances of vectors of alike entries.
    expect((second?.distance ?? 0) / (first?.distance ?? 1)).toBeCloseTo(1.5, 6);
    expect(second?.growth).toBeCloseTo(0.75 / 1.5, 6);
  });

  test("model stock with θ0 as partner is refused before anything is trained", async () => {
    await expect(scalars({ operator: "model-stock" }, [1])).rejects.toThrow(/first weights/);
  });

  test("an operator of two models, no differences, chains from the first weights as the linear one does where all point one way", async () => {
    const { deploy, start } = await scalars({ weight: 0.75 }, [1, 2]);
    expect(await scalars({ operator: "slerp", weight: 0.75 }, [1, 2])).toMatchObject({ deploy, start });
  });
});

describe("every start × deploy cell", () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  const cells = ["zs", "latest", "unrolled", "all", "anchored"].flatMap((start) =>
    ["latest", "unrolled", "all", "anchored"].map((deploy) => ({
      start,
      deploy,
      operator: "linear",
      weight: 0.7,
      reverse: deploy === "all",
    })),
  );
  /** Operators that want more of an expert than its weights. */
  const measuring = ["fisher", "regmean"].map((operator) => ({ start: "zs", deploy: "all", operator, maxSamples: 8 }));
  test.each([...cells, ...measuring])(
    "$start × $deploy by $operator, stopped and gone on with, ends with the same bits",
    async (options) => {
      const before = memory().tensors;
      const model = tinyModel();
      const whole = stage(world, model, { methods: composed(options) });
      await run(whole.training);
      const saved = await runUntil(world, 4, { methods: composed(options), experts: whole.training.experts });
      const on = await goOn(world, saved, { methods: composed(options), experts: whole.training.experts });
      expect(on.model).toBe(digest(model));
      expect(on.stage.scored.at(-1)).toBe(whole.scored.at(-1));
      release(model);
      expect(memory().tensors).toBe(before);
    },
  );

  describe.each(measuring)("by $operator, whose statistics each task's end measures", (options) => {
    const { operator } = options;

    test("what is shipped is the operator's merge of the experts' files with their statistics", async () => {
      const model = tinyModel();
      let shipped: Weights = new Map();
      const { training } = stage(world, model, { methods: composed(options) });
      const evaluate = training.evaluate;
      await run({
        ...training,
        evaluate: (at) => {
          if (at.task === 1) shipped = new Map([...at.compute.weights].map(([name, value]) => [name, scope(() => keep(clone(value)))]));
          return evaluate(at);
        },
      });
      const read = (name: string): Promise<Weights> => training.experts.get(name);
      const models = [await read("expert-0001"), await read("expert-0002")];
      const statistics = [await read("expert-0001-statistics"), await read("expert-0002-statistics")];
      const tower = { operator: { name: operator } };
      const settings = await resolveMerge({ towers: { image: tower, text: tower }, count: 2, hasBase: false, seed: 3, task: 1 });
      scope(() => {
        const { weights } = mergeWeights({ config: model.config, models, statistics }, settings);
        for (const [name, value] of weights) expect(readFloats(value)).toEqual(readFloats(shipped.get(name) as Tensor));
        // Without what was measured it would be another merge.
        const mean = mergeWeights({ config: model.config, models, statistics: [new Map(), new Map()] }, settings).weights;
        expect(
          [...weights].some(
            ([name, value]) => digestOf(new Map([[name, value]])) !== digestOf(new Map([[name, mean.get(name) as Tensor]])),
          ),
        ).toBe(true);
      });
      release([model, shipped, models, statistics]);
    });

    test.each([
      [{ maxSamples: undefined }, /of every expert/],
      [{ deploy: "unrolled" }, /of merges/],
      [{ start: "anchored" }, /of merges/],
      [{ includeBase: true }, /first weights/],
    ])("with %o it is refused before anything is trained", async (over, why) => {
      await expect(scalars({ ...options, ...over }, [1])).rejects.toThrow(why);
    });
  });

  test("max_samples is refused where the operator measures nothing", async () => {
    await expect(scalars({ deploy: "all", maxSamples: 8 }, [1])).rejects.toThrow(/takes no statistics/);
  });
});
