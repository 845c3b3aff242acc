import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clipLoss, drawnPairs, featureContext, identity, matrix, rowsWith, turned } from "../../../test/fixtures/continual/features.ts";
import { digestOf, openWorld, run, stage, stepsOf, type World } from "../../../test/fixtures/training/stage.ts";
import type { RunChanges } from "../../../test/fixtures/training/steps.ts";
import { tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { grad, requireGrad } from "../../engine/grad.ts";
import { release, scope } from "../../engine/scope.ts";
import { item, readFloats, type Tensor, type Weights } from "../../engine/tensor.ts";
import { computeWeights, embedText } from "../../models/clip.ts";
import { distinctTexts } from "../../models/texts.ts";
import { compose } from "../compose.ts";
import type { FeatureContext, Method } from "../method.ts";
import zscl from "./zscl.ts";

const built = (options: object = {}): Method => zscl.build(zscl.options.parse(options));
type References = { readonly tower: Weights; readonly texts: Tensor };
type Memory = { readonly references: References | null };

const memoryWith = (texts: Tensor) => ({ references: { tower: new Map(), texts }, anchor: new Map(), average: null, warned: false });
const allReference = rowsWith("pretraining", "pretraining");

describe("the terms", () => {
  test("are the hand-worked value of two reference images and two texts, both ways, not halved", () => {
    scope(() => {
      // V = [[.6, .8], [.8, −.6]], U = I, at s / T = 1: the value of LwF's hand-worked case for rows, and as V is symmetric for columns.
      const p = Math.E / (1 + Math.E);
      const first = Math.log(Math.exp(0.6) + Math.exp(0.8)) - (p * 0.6 + (1 - p) * 0.8);
      const second = Math.log(Math.exp(0.8) + Math.exp(-0.6)) - ((1 - p) * 0.8 - p * 0.6);
      const [now, before] = [
        { image: matrix(turned), text: matrix(identity) },
        { image: matrix(identity), text: matrix(identity) },
      ];
      const batch = featureContext(now, { before, rows: allReference, scale: 2 });
      const terms = built().loss?.(batch, memoryWith(matrix(identity))) ?? {};
      for (const term of [terms.images, terms.texts]) expect(item(term as Tensor)).toBeCloseTo(4 * ((first + second) / 2), 5);
      const published = built({ scaling: "published" }).loss?.(batch, memoryWith(matrix(identity))) ?? {};
      expect(item(published.images as Tensor)).toBeCloseTo((first + second) / 2, 5);
    });
  });

  test("pull nowhere where an image is seen as at first, and never on the scale", () => {
    scope(() => {
      const [now, texts] = [drawnPairs(1), drawnPairs(2).text];
      const batch = featureContext(now, { before: drawnPairs(1), rows: rowsWith(...Array(8).fill("pretraining")), scale: 20 });
      requireGrad([now.image, batch.scale]);
      const terms = Object.values(built().loss?.(batch, memoryWith(texts)) ?? {});
      const [image, scale] = grad(terms, [now.image, batch.scale]);
      expect(Math.max(...readFloats(image as Tensor).map(Math.abs))).toBeLessThan(2e-6);
      expect(scale).toBeUndefined();
    });
  });

  test("are of the pretraining rows alone, and absent where there are none", () => {
    scope(() => {
      const [one, other] = [drawnPairs(1), drawnPairs(2)];
      const part = (rows: FeatureContext["rows"]) =>
        built().loss?.(featureContext(one, { before: other, rows }), memoryWith(other.text)) ?? {};
      expect(part(rowsWith(...Array(8).fill("update")))).toEqual({});
      const mixed = part(rowsWith("update", "pretraining", "buffer", "update", "pretraining", "update", "update", "update"));
      const whole = part(rowsWith(...Array(8).fill("pretraining")));
      expect(item(mixed.images as Tensor)).not.toBeCloseTo(item(whole.images as Tensor), 4);
    });
  });
});

test("the pull is l2 times the squared distance to the task's start, and zero there", () => {
  scope(() => {
    const [weight, anchor] = [matrix([[1, 2]]), matrix([[0.5, 3]])];
    const memory = { references: null, anchor: new Map([["w", anchor]]), average: null, warned: false };
    const pull = built({ l2: 3 }).penalty?.("w", weight, memory);
    expect(item(pull?.value as Tensor)).toBeCloseTo(3 * (0.25 + 1), 6);
    expect([...readFloats(pull?.gradient as Tensor)]).toEqual([3, -6]);
    expect(item(built().penalty?.("w", anchor, memory)?.value as Tensor)).toBe(0);
    expect(built({ l2: 0 }).penalty?.("w", weight, memory)).toBeUndefined();
  });
});

describe("in a run", () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  async function under(method: Method, over: RunChanges = {}) {
    const model = tinyModel();
    const told = stage(world, model, { methods: compose([{ name: "zscl", method }]), ...over });
    const events = await run(told.training);
    release(model);
    return { ...told, events, steps: events.flatMap((event) => (event.type === "step" ? [event] : [])) };
  }

  test("reference rows are in no contrastive loss, in the first task neither; references are the first weights', and stay", async () => {
    const method = built({ l2: 0 });
    const clip: number[] = [];
    const digests = new Set<string>();
    let texts: readonly number[] = [];
    const watching: Method = {
      ...method,
      loss: (batch, state) => {
        const { references } = state as Memory;
        const { tower, texts: held } = references as References;
        digests.add(digestOf(new Map([...tower, ["texts", held]])));
        texts = [...readFloats(held)];
        clip.push(
          clipLoss(
            batch,
            batch.rows.flatMap(({ role }, i) => (role === "update" ? [i] : [])),
          ),
        );
        return method.loss?.(batch, state) ?? {};
      },
    };
    const { steps, training } = await under(watching);
    expect(steps).toHaveLength(stepsOf[0] + stepsOf[1]);
    for (const [i, { losses }] of steps.entries()) {
      const own = (losses.loss ?? 0) - (losses["zscl/images"] ?? Number.NaN) - (losses["zscl/texts"] ?? Number.NaN);
      expect(Math.abs(own - (clip[i] ?? 0))).toBeLessThan(1e-4);
    }
    expect(digests.size).toBe(1);
    // The first task's three steps draw pictures 3, 7 and 11 of the pool, in a drawn order.
    scope(() => {
      const origin = tinyModel();
      const { batch } = distinctTexts(["picture 3", "picture 7", "picture 11"], training.batches.tokenize, 8);
      const rows = [...readFloats(embedText(computeWeights(origin, "fp32"), batch))];
      const sorted = (of: readonly number[]) =>
        [0, 16, 32]
          .map((from) =>
            of
              .slice(from, from + 16)
              .map((entry) => entry.toFixed(5))
              .join(),
          )
          .sort();
      expect(sorted(texts)).toEqual(sorted(rows));
      release(origin);
    });
  });

  test("a task leaves the mean of its start and of its weights every weFreq steps, and the next one starts from it", async () => {
    const method = built({ weFreq: 1 });
    const seen: number[][] = [];
    const entries = (weights: Weights) => [...readFloats(weights.get("ln_final.weight") as Tensor)];
    const starts: { readonly digest: string; readonly weights: readonly number[] }[] = [];
    let left: readonly number[] = [];
    const watching: Method = {
      ...method,
      startTask: (task, state) => {
        starts.push({ digest: digestOf(task.model.weights), weights: entries(task.model.weights) });
        return method.startTask?.(task, state) ?? null;
      },
      afterStep: (step, state) => {
        if (step.at.task === 0) seen.push(entries(step.model.weights));
        return method.afterStep?.(step, state) ?? null;
      },
      expert: async (trained, task, state) => {
        const made = (await method.expert?.(trained, task, state)) ?? trained;
        if (task.task === 0) left = entries(made);
        return made;
      },
    };
    const { scored } = await under(watching);
    const all = [starts[0]?.weights ?? [], ...seen];
    expect(all).toHaveLength(stepsOf[0] + 1);
    const mean = left.map((_, i) => all.reduce((sum, each) => sum + (each[i] ?? 0), 0) / all.length);
    left.forEach((entry, i) => {
      expect(Math.abs(entry - (mean[i] ?? 0))).toBeLessThan(1e-6);
    });
    expect(left).not.toEqual(seen.at(-1));
    expect(starts[1]?.digest).toBe(scored[1]);
  });

  test("a task shorter than weFreq leaves its last weights; a parameter that does not learn stays as it was", async () => {
    const isFrozen = (name: string): boolean => name.startsWith("visual.");
    const leftIsTrained: boolean[] = [];
    const method = built({ weFreq: 3 });
    const watching: Method = {
      ...method,
      trainable: (name) => !isFrozen(name),
      expert: async (trained, task, state) => {
        const left = (await method.expert?.(trained, task, state)) ?? trained;
        leftIsTrained.push(left === trained);
        return left;
      },
    };
    const [before, after] = [tinyModel(), tinyModel()];
    await run(stage(world, after, { methods: compose([{ name: "zscl", method: watching }]) }).training);
    expect(leftIsTrained).toEqual([false, true]);
    const same = [...before.weights].filter(
      ([name, weight]) => digestOf(new Map([[name, weight]])) === digestOf(new Map([[name, after.weights.get(name) as Tensor]])),
    );
    expect(same.map(([name]) => name)).toEqual([...before.weights.keys()].filter(isFrozen));
    release([before, after]);
  });

  test("without pretraining rows it says so once, and the pull and the mean stay", async () => {
    const model = tinyModel();
    const { tasks } = stage(world, model).training;
    const own = tasks.map((work) => ({
      ...work,
      rowsAt: (step: number) => work.rowsAt(step).map((row) => ({ ...row, source: "update" as const })),
    }));
    const told = stage(world, model, { methods: compose([{ name: "zscl", method: built({ weFreq: 1 }) }]), tasks: own });
    const events = await run(told.training);
    release(model);
    expect(events.flatMap((event) => (event.type === "warning" ? [`${event.code} ${event.message}`] : []))).toEqual([
      expect.stringMatching(/^EG-3134 zscl: no row of task 1 is of the pretraining pool/),
    ]);
    const losses = events.flatMap((event) => (event.type === "step" ? [event.losses] : []));
    expect(losses.map((of) => Object.keys(of).sort().join())).toEqual(Array(5).fill("loss,penalty"));
    expect(losses.map(({ penalty }) => penalty === 0)).toEqual([true, false, false, true, false]);
  });
});
