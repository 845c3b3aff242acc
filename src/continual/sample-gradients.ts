import { grad, noGrad, requireGrad, withGrad } from "../engine/grad.ts";
import { concat, detach, slice } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type ComputeWeights, imageTower, textTower } from "../models/clip.ts";
import type { TokenBatch } from "../models/text-transformer.ts";
import { run, type Tower } from "../nn/tower.ts";
import type { Watch, WeightUse } from "../nn/view.ts";
import type { PairBatch } from "./gradients.ts";
import { evenLayout, packedLayout, type SampleLayout } from "./sample-layout.ts";
import type { SampleSums } from "./sample-sums.ts";

/** Features of a batch as the towers give them, not normalised, [B, E] each. */
export interface RawFeatures {
  readonly image: Tensor;
  readonly text: Tensor;
}

export interface SampleGradientOptions {
  /** The gradient of each sample's own number with respect to its own features, row by row; what the number depends on beside them is the caller's to add. */
  own(features: RawFeatures): RawFeatures;
  readonly sums: SampleSums;
  /** Samples that go through a tower at a time. */
  readonly microBatch?: number | undefined;
}

/** Samples at a time where a run names no number: what is alive is a whole tower's activations of so many. */
export const usualSize = 128;

/**
 * Adds a measure of every sample's own gradient to `sums`. One backward pass of the whole batch gives what went into each linear layer, norm and token table and the gradient of what came out
 * of it; a sample's gradient is the product of its own parts of the two. Parameters that are used otherwise (a convolution, positions, the projections, adapters) take a backward pass for each
 * sample, through the one stage that uses them.
 * @param model With weights of {@link asLeaves}.
 */
export function addSampleGradients(model: ComputeWeights, batch: PairBatch, options: SampleGradientOptions): void {
  scope(() => {
    const sides = [imageSide(model, batch), textSide(model, batch)] as const;
    const samples = batch.textOf.length;
    const size = Math.min(options.microBatch ?? usualSize, usualSize);
    const rest = [...model.weights].filter(([name]) => options.sums.has(name) && !name.startsWith("logit_"));
    const whole = samples <= size ? sides.map((side) => forward(side, { from: 0, to: samples }, options.sums)) : undefined;
    const [image, text] = sides.map((side, i) => (whole ? detach(outputOf(whole[i])) : embed(side, { samples, size })));
    const own = options.own({ image, text } as RawFeatures);
    for (const [i, side] of sides.entries())
      for (let from = 0; from < samples; from += size)
        scope(() => {
          const range = { from, to: Math.min(samples, from + size) };
          const passes = whole?.[i] ?? forward(side, range, options.sums);
          backward(side, { range, passes, rest, gradient: slice(i === 0 ? own.image : own.text, 0, range.from, range.to) }, options.sums);
        });
  });
}

/** The same weights as leaves of their own, so that gradients may be asked for whatever the weights are in. */
export function asLeaves(model: ComputeWeights): ComputeWeights {
  const weights = new Map([...model.weights].map(([name, weight]) => [name, detach(weight)]));
  requireGrad(weights.values());
  return { ...model, weights, statistics: "running" };
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** One tower of a model over samples of a batch, one text for each pair. */
interface Side {
  tower(range: Range, watch?: Watch): Tower;
  layout(range: Range): SampleLayout;
}

const imageSide = (model: ComputeWeights, { pixels }: PairBatch): Side => ({
  tower: ({ from, to }, watch) => imageTower({ ...model, ...(watch ? { watch } : {}) }, slice(pixels, 0, from, to)),
  layout: ({ from, to }) => evenLayout(to - from),
});

function textSide(model: ComputeWeights, { texts, textOf }: PairBatch): Side {
  const { ids, length } = texts;
  const own = ({ from, to }: Range): TokenBatch => {
    const some = new Int32Array((to - from) * length);
    textOf.subarray(from, to).forEach((row, i) => {
      some.set(ids.subarray(row * length, (row + 1) * length), i * length);
    });
    return { ids: some, rows: to - from, length };
  };
  return {
    tower: (range, watch) => textTower({ ...model, ...(watch ? { watch } : {}) }, own(range)),
    layout: (range) => packedLayout(own(range), model.config.text.prompts),
  };
}

/** A stage's pass, cut off from those before and after it. */
interface Pass {
  /** Absent for the start. */
  readonly input?: Tensor;
  readonly output: Tensor;
  /** Uses of weights that are measured. */
  readonly uses: readonly WeightUse[];
}

const outputOf = (passes: readonly Pass[] | undefined): Tensor => passes?.at(-1)?.output as Tensor;

function forward(side: Side, range: Range, sums: SampleSums): readonly Pass[] {
  let uses: WeightUse[] = [];
  const tower = side.tower(range, (use) => {
    if (sums.has(use.weight) || sums.has(use.bias)) uses.push(use);
  });
  const passes: Pass[] = [];
  for (let at = 0; at <= tower.stages.length; at++)
    passes.push(
      scope(() => {
        uses = [];
        const before = passes.at(-1);
        const input = before && detach(before.output);
        if (input) requireGrad([input]);
        const output = withGrad(() => stageOf(tower, at, input));
        return { ...(input ? { input } : {}), output, uses };
      }),
    );
  return passes;
}

const stageOf = (tower: Tower, at: number, input: Tensor | undefined): Tensor =>
  input ? (tower.stages[at - 1] as (x: Tensor) => Tensor)(input) : tower.start();

function embed(side: Side, { samples, size }: { readonly samples: number; readonly size: number }): Tensor {
  const parts: Tensor[] = [];
  for (let from = 0; from < samples; from += size)
    parts.push(scope(() => noGrad(() => run(side.tower({ from, to: Math.min(samples, from + size) })))));
  return concat(parts, 0);
}

interface Flow {
  readonly range: Range;
  readonly passes: readonly Pass[];
  /** Parameters that a use may leave out. */
  readonly rest: readonly (readonly [name: string, leaf: Tensor])[];
  /** Of the tower's output. */
  readonly gradient: Tensor;
}

function backward(side: Side, { range, passes, rest, gradient }: Flow, sums: SampleSums): void {
  const layout = side.layout(range);
  const used = new Set(passes.flatMap(({ uses }) => uses.flatMap(({ weight, bias }) => [weight, bias])));
  const others = rest.filter(([name]) => !used.has(name));
  let flowing: Tensor | undefined = gradient;
  for (let at = passes.length - 1; at >= 0 && flowing; at--) {
    const { input, output, uses } = passes[at] as Pass;
    const current: Tensor = flowing;
    flowing = scope(() => {
      const wanted = [...(input ? [input] : []), ...uses.map((use) => use.output)];
      const found = wanted.length > 0 ? grad([output], wanted, [current]) : [];
      const offset = input ? 1 : 0;
      for (const [i, use] of uses.entries()) {
        const own = found[i + offset];
        if (own) scope(() => sums.addUse(use, own, layout));
      }
      oneByOne(side, { at, input, gradient: current, others, range, layout }, sums);
      return input && found[0];
    });
  }
}

interface StageFlow extends Omit<Flow, "passes" | "rest"> {
  readonly at: number;
  readonly input: Tensor | undefined;
  readonly others: Flow["rest"];
  readonly layout: SampleLayout;
}

/** One stage's gradients of parameters that no use told of, sample by sample; none where the stage uses none of them. */
function oneByOne(side: Side, flow: StageFlow, sums: SampleSums): void {
  const { at, input, gradient, others, range, layout } = flow;
  if (others.length === 0) return;
  const leaves = others.map(([, leaf]) => leaf);
  for (let sample = 0; sample < layout.samples; sample++) {
    const isUsed = scope(() => {
      const tower = side.tower({ from: range.from + sample, to: range.from + sample + 1 });
      const output = withGrad(() => stageOf(tower, at, input && layout.only(input, sample)));
      const found = grad([output], leaves, [layout.only(gradient, sample)]);
      for (const [i, [name]] of others.entries()) {
        const own = found[i];
        if (own) sums.add(name, own);
      }
      return found.some((own) => own !== undefined);
    });
    if (!isUsed) return;
  }
}
