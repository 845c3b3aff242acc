import { afterAll, beforeAll, expect, test } from "vitest";
import { engineFlops } from "../../src/budget/engine-form.ts";
import { fusedAttention, type LearningSides } from "../../src/budget/step-flops.ts";
import { compose } from "../../src/continual/compose.ts";
import { release } from "../../src/engine/scope.ts";
import { readFloats, type Tensor, type Weights } from "../../src/engine/tensor.ts";
import { architecture } from "../../src/models/architecture.ts";
import { promptsOf } from "../../src/models/prompts.ts";
import { pack } from "../../src/models/text-transformer.ts";
import { fullBatch, meterStep } from "../../src/pipeline/plan-meter.ts";
import { workOf } from "../../src/pipeline/plan-shape.ts";
import { readState } from "../../src/training/checkpoint.ts";
import { methodsOf, worstOf } from "../fixtures/training/adapted.ts";
import { digest, openWorld, run, stage, stageFacts, startModel, type World } from "../fixtures/training/stage.ts";
import { tinyModel, tinyOptions } from "../fixtures/training/tiny.ts";

// Runs of prompt tuning: what is scored, shipped, merged and charged.

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
const [imageName, textName] = ["visual.prompt_embedding", "prompt_embedding"] as const;
const entriesOf = ({ weights }: { readonly weights: Weights }, name: string): Float32Array => readFloats(weights.get(name) as Tensor);

test("scored before the first task is the model without prompts, and what is shipped is it with them", async () => {
  const methods = await methodsOf("prompt-tuning");
  const [plain, model] = [tinyModel(), startModel(methods)];
  const { training, scored, saved } = stage(world, model, { methods });
  await run(training);
  expect(scored[0]).toBe(digest(plain));
  const { loaded, ...rest } = await readState(saved[0]?.folder ?? "", undefined);
  expect(promptsOf(loaded.model.config)).toEqual({ image: 4, text: 4 });
  expect(digest(loaded.model)).toBe(scored[1]);
  for (const [name, weight] of plain.weights) expect(entriesOf(loaded.model, name), name).toEqual(readFloats(weight));
  release([plain, model, loaded.model, rest]);
});

test("merged over time, shipped prompts lie between the drawn ones and the trained", async () => {
  const methods = compose([
    ...(await methodsOf("prompt-tuning")).list,
    ...(await methodsOf("temporal-merging", { start: "latest", deploy: "anchored", weight: 0.25 })).list,
  ]);
  const [begun, model] = [startModel(methods), startModel(methods)];
  const { training, saved } = stage(world, model, { methods });
  await run(training);
  const { loaded, start, ...rest } = await readState(saved[0]?.folder ?? "", saved[0]?.position.methods);
  for (const name of [imageName, textName]) {
    const [from, trained] = [entriesOf(begun, name), entriesOf({ weights: start ?? new Map() }, name)];
    const expected = trained.map((value, i) => 0.75 * value + 0.25 * (from[i] ?? Number.NaN));
    expect(worstOf(entriesOf(loaded.model, name), expected)).toBeLessThan(1e-8);
    expect(trained).not.toEqual(from);
  }
  release([begun, model, loaded.model, start, rest]);
});

test.each([[{}], [{ image: 0, text: 16 }], [{ image: 8, text: 0 }]])("a step with %j has the FLOPs of the closed form", async (options) => {
  const methods = await methodsOf("prompt-tuning", options);
  const config = methods.architecture(architecture("ViT-B-32"));
  const batch = fullBatch(config, 16);
  const { flops } = await meterStep(config, tinyOptions, batch, { methods, facts: { ...stageFacts, batchSize: 16 } });
  const packed = pack(batch.texts, config.text.prompts);
  const step = {
    batch: 16,
    texts: [{ rows: packed.rows, tokens: packed.ids.length, longest: packed.length }],
    attention: fusedAttention,
    extraForwards: 0,
  };
  const closed = engineFlops(workOf(config), methods.budgets[0]?.learns as LearningSides, step);
  expect(Math.abs(flops / closed - 1)).toBeLessThan(1e-3);
});

test("beside a method that trains other parameters nothing is left to learn, and the error names both", async () => {
  const methods = compose([...(await methodsOf("prompt-tuning")).list, ...(await methodsOf("lora")).list]);
  const model = startModel(methods);
  await expect(run(stage(world, model, { methods }).training)).rejects.toMatchObject({
    code: "EG-3112",
    message: expect.stringContaining("prompt-tuning and lora together"),
  });
  release(model);
});
