import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawnPairs, featureContext, identity, matrix, rowsWith, turned } from "../../../test/fixtures/continual/features.ts";
import { digestOf, openWorld, run, stage, stepsOf, type World } from "../../../test/fixtures/training/stage.ts";
import { stepFrom } from "../../../test/fixtures/training/steps.ts";
import { tinyModel } from "../../../test/fixtures/training/tiny.ts";
import { grad, requireGrad } from "../../engine/grad.ts";
import { type Argument, operator } from "../../engine/operator.ts";
import { mulNumber } from "../../engine/ops.ts";
import { keep, release, scope } from "../../engine/scope.ts";
import { item, readFloats, scalar, type Tensor, type Weights } from "../../engine/tensor.ts";
import { compose } from "../compose.ts";
import type { FeatureContext, Method } from "../method.ts";
import { snapshot } from "../snapshot.ts";
import lwf from "./lwf.ts";

const built = (options: object = {}): Method => lwf.build(lwf.options.parse(options));
const teacherOf = (scale: number): Weights => new Map([["logit_scale", scalar(Math.log(scale))]]);
const termOf = (method: Method, batch: FeatureContext, teacher: Weights | null): Tensor | undefined =>
  method.loss?.(batch, { teacher }).distillation;

describe("the term", () => {
  test("is the hand-worked value of two pairs: the teacher's temperature, T squared, both ways", () => {
    scope(() => {
      // A = f gᵀ = [[.6, .8], [.8, −.6]], A' = I at scale 2 and T 2: shares e/(1 + e) and 1/(1 + e). A is symmetric, so rows and columns cost the same.
      const p = Math.E / (1 + Math.E);
      const first = Math.log(Math.exp(0.6) + Math.exp(0.8)) - (p * 0.6 + (1 - p) * 0.8);
      const second = Math.log(Math.exp(0.8) + Math.exp(-0.6)) - ((1 - p) * 0.8 - p * 0.6);
      const batch = featureContext(
        { image: matrix(identity), text: matrix(turned) },
        { before: { image: matrix(identity), text: matrix(identity) } },
      );
      const term = termOf(built({ alpha: 0.5 }), batch, teacherOf(2));
      expect(item(term as Tensor)).toBeCloseTo(0.5 * 4 * ((first + second) / 2), 5);
      expect(item(term as Tensor)).toBeCloseTo(1.98825, 4);
    });
  });

  test("is PyTorch's kl_div of both ways, times T squared, but for the teacher's entropy", () => {
    scope(() => {
      const features = (seed: number) => scope(() => drawnPairs(seed));
      const [now, then] = [features(1), features(2)];
      const [scale, temperature] = [20, 3];
      const term = item(termOf(built({ temperature }), featureContext(now, { before: then }), teacherOf(scale)) as Tensor);
      const logits = ({ image, text }: typeof now): Tensor =>
        mulNumber(call("aten::matmul", image, call("aten::t", text)), scale / temperature);
      const [a, b] = [logits(now), logits(then)];
      // F.kl_div(log_softmax(A / T, 1), softmax(A' / T, 1), reduction="sum") / 8, and the entropy that cross entropy adds to it.
      const way = (of: Tensor, teacher: Tensor): number => {
        const shares = call("aten::softmax.int", teacher, 1);
        const divergence = item(call("aten::kl_div", call("aten::log_softmax.int", of, 1), shares, 2, false));
        const entropy = readFloats(shares).reduce((sum, share) => sum - share * Math.log(share), 0);
        return (divergence + entropy) / 8;
      };
      const both = way(a, b) + way(call("aten::t", a), call("aten::t", b));
      expect(term).toBeCloseTo(temperature ** 2 * 0.5 * both, 3);
      expect(Math.abs(term / (temperature ** 2 * 0.5 * both) - 1)).toBeLessThan(1e-6);
    });
  });

  test("pulls nowhere where student and teacher agree", () => {
    scope(() => {
      const [now, then] = [drawnPairs(1), drawnPairs(1)];
      requireGrad([now.image, now.text]);
      const term = termOf(built(), featureContext(now, { before: then }), teacherOf(20)) as Tensor;
      for (const gradient of grad([term], [now.image, now.text]))
        expect(Math.max(...readFloats(gradient as Tensor).map(Math.abs))).toBeLessThan(2e-6);
    });
  });

  test("leaves out rows that methods asked for", () => {
    scope(() => {
      const pair = featureContext(
        { image: matrix(identity), text: matrix(turned) },
        { before: { image: matrix(identity), text: matrix(identity) } },
      );
      const third = (rows: readonly (readonly number[])[]): Tensor => matrix([...rows, [0.28, 0.96]]);
      const more = featureContext(
        { image: third(identity), text: third(turned) },
        { before: { image: third(identity), text: third(identity) }, rows: rowsWith("update", "pretraining", "reservoir") },
      );
      expect(item(termOf(built(), more, teacherOf(2)) as Tensor)).toBe(item(termOf(built(), pair, teacherOf(2)) as Tensor));
    });
  });
});

describe("in a run", () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());

  test("there is no term in the first task; after it the teacher is what was shipped, not what was trained, and stays", async () => {
    const method = built();
    const seen: string[] = [];
    const watching: Method = {
      ...method,
      loss: (batch, state) => {
        const { teacher } = state as { readonly teacher: Weights | null };
        seen.push(teacher ? digestOf(teacher) : "none");
        return method.loss?.(batch, state) ?? {};
      },
    };
    const halved = (weights: Weights): Weights =>
      new Map([...snapshot(weights)].map(([name, weight]) => [name, name === "logit_scale" ? weight : mulNumber(weight, 0.5)]));
    const model = tinyModel();
    const methods = compose([
      { name: "halved", method: { flow: (expert) => ({ deploy: halved(expert) }) } },
      { name: "lwf", method: watching },
    ]);
    const told = stage(world, model, { methods });
    const events = await run(told.training);
    release(model);
    expect(seen).toEqual([...Array(stepsOf[0]).fill("none"), ...Array(stepsOf[1]).fill(told.scored[1])]);
    const terms = events.flatMap((event) => (event.type === "step" ? [event.losses["lwf/distillation"] !== undefined] : []));
    expect(terms).toEqual([false, false, false, true, true]);
  });
});

describe("a step", () => {
  const taken = (over: Parameters<typeof stepFrom>[2], alpha = 1) => {
    const origin = tinyModel();
    const teacher = scope(() =>
      keep(new Map([...origin.weights].map(([name, weight]) => [name, mulNumber(weight, name === "logit_scale" ? 1 : 0.9)]))),
    );
    const result = stepFrom(compose([{ name: "lwf", method: built({ alpha }) }]), [{ teacher }], over);
    release([origin, teacher]);
    return result;
  };

  test("in micro-batches sees the same term and gradient", () => {
    const [whole, parts] = [taken({}), taken({ microBatch: 3 })];
    expect(whole.terms["lwf/distillation"]).toBeGreaterThan(0);
    expect(parts.terms["lwf/distillation"]).toBeCloseTo(whole.terms["lwf/distillation"] ?? 0, 4);
    expect(Math.abs(parts.gradientNorm / whole.gradientNorm - 1)).toBeLessThan(1e-4);
  });

  test("at alpha 0 is plain fine-tuning's", () => {
    const plain = taken({}, 0);
    expect(plain.terms).toEqual({ "lwf/distillation": 0 });
    expect(plain.gradientNorm).toBeCloseTo(stepFrom(compose([]), []).gradientNorm, 4);
    expect(plain.gradientNorm).not.toBe(taken({}).gradientNorm);
  });
});

function call(name: string, ...args: readonly Argument[]): Tensor {
  return operator(name)(...args)[0] as Tensor;
}
