import { normalize, to, toDevice } from "../engine/ops.ts";
import type { DType, Tensor, Weights } from "../engine/tensor.ts";
import type { Adapters } from "../nn/adapter.ts";
import { run, type Tower } from "../nn/tower.ts";
import { viewOf, type Watch } from "../nn/view.ts";
import type { ClipConfig } from "./architecture.ts";
import { isPrompt } from "./prompts.ts";
import { modifiedResNet, type Statistics } from "./resnet.ts";
import { type TokenBatch, textTransformer } from "./text-transformer.ts";
import { visionTransformer } from "./vision-transformer.ts";

/** A CLIP model: what it is and what it weighs. */
export interface Clip {
  readonly config: ClipConfig;
  /** float32 in OpenCLIP's names and the architecture's order. */
  readonly weights: Weights;
  /** Batch norm's running statistics; empty for transformers. */
  readonly buffers: Weights;
  /** What stands beside some of its linear layers while it learns. */
  readonly adapters?: Adapters;
  /** True CLIP ids of the rows of the token table, ascending, where the table is a part of CLIP's. */
  readonly tokenIds?: readonly number[];
}

/** Weights as a forward pass computes with them: the model's own, or lower-precision copies. */
export interface ComputeWeights {
  readonly config: ClipConfig;
  readonly precision: Precision;
  readonly weights: Weights;
  readonly buffers: Weights;
  readonly rowOf?: (id: number) => number;
  /** Adapters by the weight they stand beside; their parameters are among `weights`. */
  readonly sites?: Adapters["sites"];
  /** Told of the uses of weights that no adapter stands beside. */
  readonly watch?: Watch;
  readonly statistics: Statistics;
}

export type Precision = "fp32" | "bf16";
const dtypes: Readonly<Record<Precision, DType>> = { fp32: "float32", bf16: "bfloat16" };

/**
 * The type a weight is computed with. Norms, the logit scale, prompts and the text's tables stay float32 in any precision: the gradient of a row that every
 * text uses, as the end token's, is a sum of too many terms for bfloat16. So do adapters' parameters that are no factors of a product.
 */
export function computeType(name: string, precision: Precision): DType {
  const exact =
    /(^|\.)(ln_[a-z0-9]+|bn\d|downsample\.1)\.|^logit_|^token_embedding\.|^positional_embedding$|^adapter\.(?!.*\.lora_[AB]$)/.test(name);
  return exact || isPrompt(name) ? "float32" : dtypes[precision];
}

/** The model's weights as `precision` computes with them; in fp32 they are the same tensors. */
export function computeWeights(model: Clip, precision: Precision, statistics: Statistics = "running"): ComputeWeights {
  const rowOf = model.tokenIds ? rowFinder(model.tokenIds) : undefined;
  return {
    config: model.config,
    precision,
    weights: new Map(
      [...model.weights, ...(model.adapters?.weights ?? [])].map(([name, weight]) => [name, to(weight, computeType(name, precision))]),
    ),
    buffers: model.buffers,
    ...(rowOf ? { rowOf } : {}),
    ...(model.adapters ? { sites: model.adapters.sites } : {}),
    statistics,
  };
}

/** Row of the table for a true id; an id that the table lacks takes the row of id 0, the padding. */
function rowFinder(ids: readonly number[]): (id: number) => number {
  const rows = new Map(ids.map((id, row) => [id, row]));
  return (id) => rows.get(id) ?? 0;
}

/** The image tower over float32 pixels [B, 3, S, S]; its output is [B, E], float32, not normalised. */
export function imageTower(model: ComputeWeights, pixels: Tensor): Tower {
  const { config, statistics } = model;
  const { device } = model.weights.get("logit_scale") as Tensor;
  const input = to(toDevice(pixels, device), dtypes[model.precision]);
  const view = viewOf(model.buffers.size > 0 ? new Map([...model.weights, ...model.buffers]) : model.weights, "visual.", model);
  return exact(
    config.vision.kind === "vit"
      ? visionTransformer(input, view, { ...config.vision, quickGelu: config.quickGelu })
      : modifiedResNet(input, view, { ...config.vision, statistics }),
  );
}

/** The text tower over token ids; its output is [B, E], float32, not normalised. */
export function textTower(model: ComputeWeights, batch: TokenBatch): Tower {
  const { config, rowOf } = model;
  return exact(
    textTransformer(batch, viewOf(model.weights, "", model), {
      ...config.text,
      quickGelu: config.quickGelu,
      dtype: dtypes[model.precision],
      ...(rowOf ? { rowOf } : {}),
    }),
  );
}

/** The same tower with a float32 output. */
function exact(tower: Tower): Tower {
  const last = tower.stages.at(-1) as (x: Tensor) => Tensor;
  return { start: tower.start, stages: [...tower.stages.slice(0, -1), (x) => to(last(x), "float32")] };
}

/** Features of unit length. */
export const embedImage = (model: ComputeWeights, pixels: Tensor): Tensor => normalize(run(imageTower(model, pixels)));
export const embedText = (model: ComputeWeights, batch: TokenBatch): Tensor => normalize(run(textTower(model, batch)));
