import { grad, noGrad, requireGrad } from "../engine/grad.ts";
import { recomputing } from "../engine/meter.ts";
import { add, concat, detach, exp, indexSelect, mulNumber, normalize, slice, sum, to } from "../engine/ops.ts";
import { handOver, keep, release, scope } from "../engine/scope.ts";
import { item, type Tensor } from "../engine/tensor.ts";
import { type ComputeWeights, imageTower, textTower } from "../models/clip.ts";
import type { TokenBatch } from "../models/text-transformer.ts";
import type { ObjectiveDefinition } from "../nn/objective.ts";
import { recompute, run, runAndKeep, type Tower } from "../nn/tower.ts";
import { picking } from "./picking.ts";

/** A joined batch of B pairs. */
export interface PairBatch {
  /** float32, normalised, [B, 3, S, S]. */
  readonly pixels: Tensor;
  /** Distinct texts; each is encoded once. */
  readonly texts: TokenBatch;
  /** Row of `texts` of each pair. */
  readonly textOf: Int32Array;
  /** Pairs i · B + j that are not negatives. */
  readonly excluded?: readonly number[];
}

/** Unit-length features of all pairs, float32 [B, E], and exp(logit_scale). */
export interface Features {
  readonly image: Tensor;
  readonly text: Tensor;
  readonly scale: Tensor;
}

/** What is minimised beside, or in place of, the objective over all pairs. */
export interface LossPlan {
  /** Pairs that the objective is over, ascending; all when absent. */
  readonly contrastive?: readonly number[];
  /** Terms that are added, by name. */
  terms?(features: Features): Readonly<Record<string, Tensor>>;
}

export interface GradientOptions {
  readonly objective: ObjectiveDefinition;
  readonly plan?: LossPlan;
  /** Images (and texts) embedded at a time; the loss is still that of the whole batch. */
  readonly microBatch?: number;
  /** Activations inside of a stage are computed again in the backward pass. */
  readonly checkpointing: boolean;
}

export interface Gradients {
  /** Of the objective and all terms. */
  readonly loss: number;
  /** The terms, by name. */
  readonly terms: Readonly<Record<string, number>>;
  /** As the loss saw them, without their graph. */
  readonly features: { readonly image: Tensor; readonly text: Tensor };
  /** One for each leaf; undefined where the loss does not depend on it. */
  readonly gradients: readonly (Tensor | undefined)[];
}

/**
 * Loss of a batch and its gradient with respect to `leaves`, exact over the whole batch however it is cut (gradient caching, arXiv:2101.06983):
 * embed all, differentiate the loss by the features, then send these gradients back through the towers part by part.
 */
export function lossAndGradients(model: ComputeWeights, batch: PairBatch, leaves: readonly Tensor[], options: GradientOptions): Gradients {
  const size = batch.pixels.shape[0] ?? 0;
  const whole = options.microBatch === undefined || options.microBatch >= size;
  return whole && !options.checkpointing ? direct(model, batch, leaves, options) : cached(model, batch, leaves, options);
}

function direct(model: ComputeWeights, batch: PairBatch, leaves: readonly Tensor[], options: GradientOptions): Gradients {
  return scope(() => {
    const image = run(imageTower(model, batch.pixels));
    const text = run(textTower(model, batch.texts));
    const { total, ...known } = lossOf(model, batch, { image, text }, options);
    const loss = knownValue(total);
    return { ...known, loss, gradients: Number.isFinite(loss) ? grad([total], leaves) : [] };
  });
}

/** The number a scalar holds; 0 where tensors are shapes alone, as when a step is planned. */
export const knownValue = (value: Tensor): number => (value.device === "meta" ? 0 : item(value));

interface Loss extends Pick<Gradients, "terms" | "features"> {
  readonly total: Tensor;
}

/** The loss over unnormalised features, one text row for each distinct text. */
function lossOf(
  model: ComputeWeights,
  batch: PairBatch,
  features: { readonly image: Tensor; readonly text: Tensor },
  { objective, plan = {} }: GradientOptions,
): Loss {
  const texts = normalize(features.text);
  const seen: Features = {
    image: normalize(features.image),
    text: batch.texts.rows === batch.textOf.length ? texts : indexSelect(texts, 0, picking(batch.textOf, texts.device)),
    scale: exp(model.weights.get("logit_scale") as Tensor),
  };
  const bias = model.weights.get("logit_bias");
  const over = plan.contrastive ?? Array.from(batch.textOf.keys());
  const main =
    over.length > 0 ? [contrastiveLoss(objective, { ...seen, ...(bias ? { bias } : {}) }, { over, excluded: batch.excluded })] : [];
  const terms = plan.terms?.(seen) ?? {};
  const all = [...main, ...Object.values(terms)];
  const total = all.length > 0 ? all.reduce(add) : mulNumber(sum(seen.image), 0);
  return {
    total,
    terms: Object.fromEntries(Object.entries(terms).map(([name, value]) => [name, knownValue(value)])),
    features: { image: detach(seen.image), text: detach(seen.text) },
  };
}

/** An objective over some pairs of a batch, which see one another alone. */
export function contrastiveLoss(
  objective: ObjectiveDefinition,
  { image, text, scale, bias }: Features & { readonly bias?: Tensor },
  pairs: { readonly over: readonly number[]; readonly excluded?: readonly number[] | undefined },
): Tensor {
  const all = image.shape[0] ?? 0;
  const isWhole = pairs.over.length === all;
  const rows = isWhole ? undefined : picking(pairs.over, image.device);
  const pick = (of: Tensor): Tensor => (rows ? indexSelect(of, 0, rows) : of);
  const excluded = isWhole ? pairs.excluded : remapped(pairs.excluded ?? [], pairs.over, all);
  return objective.loss({
    image: pick(image),
    text: pick(text),
    scale,
    ...(bias ? { bias } : {}),
    ...(excluded && excluded.length > 0 ? { excluded } : {}),
  });
}

/** Pairs i · B + j of the whole as pairs of the rows `over`. */
function remapped(excluded: readonly number[], over: readonly number[], all: number): readonly number[] {
  const placeOf = new Map(over.map((row, place) => [row, place]));
  return excluded.flatMap((pair) => {
    const [i, j] = [placeOf.get(Math.floor(pair / all)), placeOf.get(pair % all)];
    return i === undefined || j === undefined ? [] : [i * over.length + j];
  });
}

/** True for a parameter of the image tower, or of an adapter in it. */
export const ofImages = (name: string): boolean => /^(adapter\.)?visual\./.test(name);

/** The second time that a batch goes through a tower leaves batch norm's running statistics alone. */
const again = ({ statistics }: ComputeWeights) => ({ statistics: statistics === "moving" ? ("batch" as const) : statistics });
type Again = ReturnType<typeof again>;

/** A part of a tower's batch, and how to build the tower over it. */
interface Part {
  readonly side: "image" | "text";
  readonly from: number;
  readonly to: number;
  readonly build: (statistics?: Again) => Tower;
}

function cached(model: ComputeWeights, batch: PairBatch, leaves: readonly Tensor[], options: GradientOptions): Gradients {
  return scope(() => {
    const parts = cut(model, batch, options.microBatch ?? batch.pixels.shape[0] ?? 0);
    const single = parts.length === 2 && options.checkpointing;
    const learning = learningSides(model, leaves);
    const passes = parts.map((part) =>
      single && learning.has(part.side) ? runAndKeep(part.build()) : { output: scope(() => noGrad(() => run(part.build()))), inputs: [] },
    );
    const joined = (side: Part["side"]): Tensor =>
      detach(
        concat(
          passes.filter((_, i) => parts[i]?.side === side).map((pass) => pass.output),
          0,
        ),
      );
    const features = { image: joined("image"), text: joined("text") };
    const seen = [...learning].map((side) => features[side]);
    requireGrad(seen);
    const { total, ...known } = lossOf(model, batch, features, options);
    const loss = knownValue(total);
    if (!Number.isFinite(loss)) return { ...known, loss, gradients: [] };
    const found = grad([total], [...seen, ...leaves]);
    const ofFeatures = new Map([...learning].map((side, i) => [side, found[i] as Tensor]));
    const sums = new Sums(found.slice(seen.length));
    try {
      parts.forEach((part, i) => {
        const gradient = ofFeatures.get(part.side);
        if (!gradient) return;
        const inputs = passes[i]?.inputs ?? [];
        scope(() =>
          backward(part, slice(gradient, 0, part.from, part.to), { model, leaves, sums, inputs, checkpointing: options.checkpointing }),
        );
      });
    } finally {
      sums.total();
    }
    return { ...known, loss, gradients: sums.total() };
  });
}

/** Towers that have a leaf among their weights: no gradient goes back through another one. */
function learningSides({ weights }: ComputeWeights, leaves: readonly Tensor[]): ReadonlySet<Part["side"]> {
  const learns = new Set(leaves);
  const names = [...weights].flatMap(([name, weight]) => (learns.has(weight) && !name.startsWith("logit_") ? [name] : []));
  return new Set(names.map((name) => (ofImages(name) ? "image" : "text")));
}

function backward(
  part: Part,
  gradient: Tensor,
  at: {
    readonly model: ComputeWeights;
    readonly leaves: readonly Tensor[];
    readonly sums: Sums;
    readonly inputs: readonly Tensor[];
    readonly checkpointing: boolean;
  },
): void {
  const tower = part.build(again(at.model));
  if (!at.checkpointing) {
    at.sums.add(grad([recomputing(() => run(tower))], at.leaves, [gradient]));
    return;
  }
  const inputs = at.inputs.length > 0 ? at.inputs : recomputing(() => runAndKeep(tower)).inputs;
  recompute(tower, inputs, gradient, { leaves: at.leaves, add: (gradients) => at.sums.add(gradients) });
}

function cut(model: ComputeWeights, batch: PairBatch, size: number): readonly Part[] {
  const parts: Part[] = [];
  const images = batch.pixels.shape[0] ?? 0;
  for (let from = 0; from < images; from += size) {
    const to = Math.min(images, from + size);
    parts.push({
      side: "image",
      from,
      to,
      build: (statistics) => imageTower({ ...model, ...statistics }, slice(batch.pixels, 0, from, to)),
    });
  }
  const { ids, rows, length } = batch.texts;
  for (let from = 0; from < rows; from += size) {
    const to = Math.min(rows, from + size);
    parts.push({
      side: "text",
      from,
      to,
      build: () => textTower(model, { ids: ids.subarray(from * length, to * length), rows: to - from, length }),
    });
  }
  return parts;
}

/** Running sums of gradients, in float32 once there is more than one term. */
class Sums {
  private readonly held: (Tensor | undefined)[];

  constructor(first: readonly (Tensor | undefined)[]) {
    this.held = first.map((each) => each && keep(each));
  }

  /** Sums outlive the scope that computed them; what they replace is freed. */
  add(terms: readonly (Tensor | undefined)[]): void {
    terms.forEach((term, i) => {
      if (!term) return;
      const before = this.held[i];
      this.held[i] = keep(before ? add(to(before, "float32"), to(term, "float32")) : term);
      if (before) release(before);
    });
  }

  /** The sums, in the current scope's care. */
  total(): readonly (Tensor | undefined)[] {
    return handOver(this.held);
  }
}
