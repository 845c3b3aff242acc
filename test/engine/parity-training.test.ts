import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { engineInfo, setThreads } from "../../src/engine/facts.ts";
import clip from "../../src/nn/objectives/clip.ts";
import siglip from "../../src/nn/objectives/siglip.ts";
import {
  firstGradients,
  gradientErrors,
  movementErrors,
  type Ranges,
  type Setting,
  type Trained,
  type TrainingCase,
  train,
} from "./training-vectors.ts";
import { readTensors, readVectors, relativeDistance } from "./vectors.ts";

interface Tolerance {
  readonly loss: number;
  readonly gradientRelative: number;
  readonly normRelative: number;
  readonly weightsRelative: number;
  readonly movementRelative: number;
  readonly bf16Loss: number;
}
type StoredCase = TrainingCase & { readonly model: string; readonly tolerance?: Partial<Tolerance> };
interface TrainingVectors {
  readonly tolerance: Tolerance;
  readonly zeroGradient: Readonly<Record<string, Ranges>>;
  readonly ids: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly cases: Readonly<Record<string, StoredCase>>;
}
interface SiglipVectors {
  readonly tolerance: Tolerance;
  readonly zeroGradient: Ranges;
  readonly ids: { readonly train: readonly (readonly number[])[] };
  readonly case: TrainingCase & { readonly config: unknown };
}

const vectors = readVectors<TrainingVectors>("training.json");
const configs = readVectors<{ readonly models: Readonly<Record<string, { readonly config: unknown }>> }>("models.json").models;
const sigmoid = readVectors<SiglipVectors>("siglip.json");

function setting(name: string, options: Partial<Setting> = {}): Setting & { readonly tolerance: Tolerance } {
  const found = vectors.cases[name];
  if (!found) throw new Error(`no training case ${name}`);
  const preset = new URL(`../../src/models/presets/${found.model}.json`, import.meta.url);
  const config = configs[found.model]?.config ?? JSON.parse(readFileSync(preset, "utf8"));
  const { [found.model]: ids = [] } = vectors.ids;
  const { [found.model]: zeroGradient = [] } = vectors.zeroGradient;
  return { config, case: found, ids, zeroGradient, objective: clip, tolerance: { ...vectors.tolerance, ...found.tolerance }, ...options };
}

const siglipSetting = { ...sigmoid, config: sigmoid.case.config, ids: sigmoid.ids.train, objective: siglip };

/** Losses, norms and logit scales of every step that lie outside of the tolerance, in words. */
function wrongSteps(got: Trained, { case: expected, tolerance }: Setting & { readonly tolerance: Tolerance }): string[] {
  const wrong: string[] = [];
  const check = (what: string, ours: readonly number[], theirs: readonly number[], allowed: (value: number) => number): void => {
    theirs.forEach((value, step) => {
      const difference = Math.abs((ours[step] ?? Number.NaN) - value);
      if (!(difference <= allowed(value)))
        wrong.push(`${what} before step ${step + 1}: ${ours[step]}, expected ${value}, off by ${difference}`);
    });
  };
  check("loss", got.losses, expected.losses, (value) => tolerance.loss * Math.max(1, value));
  check("gradient norm", got.gradientNorms, expected.gradientNorms, (value) => tolerance.normRelative * value);
  check("logit scale", got.logitScales, expected.logitScales, () => 1e-6);
  return wrong;
}

/** Tensors that moved otherwise than OpenCLIP's by more than the tolerance, and the distance of all weights together. */
function wrongWeights(got: Trained, at: Setting & { readonly tolerance: Tolerance }): string[] {
  const errors = movementErrors(at, got.end);
  const wrong = errors
    .filter(({ error, moved }) => !(error <= at.tolerance.movementRelative * moved + 1e-12))
    .map(({ name, error, moved }) => `${name}: ${error} from OpenCLIP's movement of ${moved}`);
  const size = Math.hypot(...Object.values(at.case.tensors ?? {}).map((record) => record.norm));
  const all = Math.hypot(...errors.map(({ error }) => error)) / size;
  return all <= at.tolerance.weightsRelative ? wrong : [...wrong, `all weights: relative distance ${all}`];
}

describe("ten steps of AdamW equal OpenCLIP's training loop", () => {
  test.each(["tiny-vit", "tiny-vit-warmup", "tiny-vit-clamp"])("%s: losses, norms, scale and weights", (name) => {
    const at = setting(name);
    const got = train(at);
    expect(wrongSteps(got, at)).toEqual([]);
    expect(wrongWeights(got, at)).toEqual([]);
  });

  // With two threads convolutions round elsewhere and an entry passes a kink of ReLU: ours at step 3 (6e-5 of the norm), PyTorch's at step 5 (4e-5). With one, both follow float64.
  // On AVX2 alone ours passes a kink at step 3 with one thread too: 2.5e-4 of the norm and 9e-6 of the loss at step 5, which is held there and nowhere else.
  test("tiny-resnet on one thread: losses, norms, scale and weights", () => {
    const { threads } = engineInfo();
    setThreads(1);
    try {
      const stored = setting("tiny-resnet");
      const past = engineInfo().instructions === "AVX2" ? { loss: 1e-5, normRelative: 5e-4 } : {};
      const at = { ...stored, tolerance: { ...stored.tolerance, ...past } };
      const got = train(at);
      expect(wrongSteps(got, at)).toEqual([]);
      expect(wrongWeights(got, at)).toEqual([]);
    } finally {
      setThreads(threads);
    }
  });

  test("every weight of tiny-vit, key biases left out", async () => {
    const at = setting("tiny-vit");
    const { end } = train(at);
    const theirs = await readTensors("training-tiny-vit.safetensors");
    const ours: number[] = [];
    const expected: number[] = [];
    for (const [name, values] of theirs) {
      const [, from = 0, to = 0] = at.zeroGradient.find(([biases]) => biases === name) ?? [];
      values.forEach((value, i) => {
        if (i >= from && i < to) return;
        ours.push(end.get(name)?.[i] ?? Number.NaN);
        expected.push(value);
      });
    }
    expect([...end.keys()].sort()).toEqual([...theirs.keys()].sort());
    expect(relativeDistance(ours, expected)).toBeLessThanOrEqual(at.tolerance.weightsRelative);
  });

  test("micro-batches of 8: the whole batch's result", () => {
    const at = setting("tiny-vit", { microBatch: 8 });
    const got = train(at);
    expect(wrongSteps(got, at)).toEqual([]);
    expect(wrongWeights(got, at)).toEqual([]);
  });

  // OpenCLIP adds the logit scale's whole gradient once for every micro-batch. With that one gradient divided, its accumulation is ours too.
  test("micro-batches of 8: OpenCLIP's accumulation with the logit scale's gradient counted once", () => {
    const exact = setting("tiny-vit-accumulate-exact", { microBatch: 8 });
    const parts = exact.case.losses.length / exact.case.steps;
    const at = { ...exact, case: { ...exact.case, losses: exact.case.losses.filter((_, i) => i % parts === 0) } };
    const got = train(at);
    expect(wrongSteps(got, at)).toEqual([]);
    expect(wrongWeights(got, at)).toEqual([]);
  });

  test("SigLIP's loss, with a logit bias", () => {
    const got = train(siglipSetting);
    expect(wrongSteps(got, siglipSetting)).toEqual([]);
    expect(wrongWeights(got, siglipSetting)).toEqual([]);
  });

  test("ViT-S-32", () => {
    const at = setting("ViT-S-32");
    const got = train(at);
    expect(wrongSteps(got, at)).toEqual([]);
    expect(wrongWeights(got, at)).toEqual([]);
  }, 300_000);

  test("three steps in bf16 lie near OpenCLIP's under autocast", () => {
    const at = setting("tiny-vit-bf16", { precision: "bf16" });
    const got = train(at);
    const off = got.losses.map((loss, step) => Math.abs(loss / (at.case.losses[step] ?? Number.NaN) - 1));
    expect(got.losses).toHaveLength(3);
    expect(Math.max(...off)).toBeLessThanOrEqual(at.tolerance.bf16Loss);
  });
});

describe("the first gradient of every parameter equals OpenCLIP's", () => {
  const cases = [
    ["tiny-vit", setting("tiny-vit")] as const,
    ["tiny-resnet", setting("tiny-resnet")] as const,
    ["siglip", siglipSetting] as const,
  ];
  test.each(cases)("%s", (_, at) => {
    const wrong = gradientErrors(at, firstGradients(at)).filter(({ error }) => !(error <= at.tolerance.gradientRelative));
    expect(wrong).toEqual([]);
  });
});
