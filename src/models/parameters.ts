import { type ClipConfig, imageTokens, type ResNetConfig, type TextConfig, type VitConfig } from "./architecture.ts";

/** How a fresh tensor is filled; `uniform` is on [-bound, bound]. */
export type Init =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "normal"; readonly std: number }
  | { readonly kind: "uniform"; readonly bound: number };

/** A tensor of a model's state, under OpenCLIP's name. */
export interface StateTensor {
  readonly name: string;
  /** Empty for a scalar. */
  readonly shape: readonly number[];
  readonly init: Init;
}

/** A trained tensor. */
export interface Parameter extends StateTensor {
  readonly kind: "parameter";
}

/** A tensor that is stored but not trained: BatchNorm's running statistics. */
export interface Buffer extends StateTensor {
  readonly kind: "buffer";
  readonly dtype: "F32" | "I64";
}

/**
 * Parameters and buffers in the order of OpenCLIP's `state_dict()`. This order is the architecture's and never a
 * file's, so optimizer state, hashes and draws follow it.
 */
export function stateTensors(config: ClipConfig): readonly (Parameter | Buffer)[] {
  const { text, embedDim } = config;
  return [
    parameter("positional_embedding", [text.contextLength, text.width], normal(0.01)),
    parameter("text_projection", [text.width, embedDim], normal(text.width ** -0.5)),
    parameter("logit_scale", [], constant(config.initLogitScale)),
    ...(config.initLogitBias === undefined ? [] : [parameter("logit_bias", [], constant(config.initLogitBias))]),
    ...(config.vision.kind === "vit" ? vit(config.vision, embedDim) : resNet(config.vision, embedDim)),
    ...textTower(text),
    ...promptTensors(config),
  ];
}

/** Prompts are ours, so they come behind what OpenCLIP's models have. Their standard deviation is that of arXiv:2109.01134, section 3.2, and of VPT in arXiv:2210.03117's code. */
function promptTensors({ vision, text }: ClipConfig): Parameter[] {
  const tensors = (name: string, count = 0, width = 0): Parameter[] => (count > 0 ? [parameter(name, [count, width], normal(0.02))] : []);
  return [
    ...(vision.kind === "vit" ? tensors("visual.prompt_embedding", vision.prompts, vision.width) : []),
    ...tensors("prompt_embedding", text.prompts, text.width),
  ];
}

/** Trained tensors in the architecture's order; see {@link stateTensors}. */
export function parameters(config: ClipConfig): readonly Parameter[] {
  return stateTensors(config).filter((tensor) => tensor.kind === "parameter");
}

/** BatchNorm's running statistics in the architecture's order; empty for transformers. */
export function buffers(config: ClipConfig): readonly Buffer[] {
  return stateTensors(config).filter((tensor) => tensor.kind === "buffer");
}

/** Numbers of trained values. `total` counts the logit scale (and bias) too, which belong to neither tower. */
export function parameterCounts(config: ClipConfig): { readonly vision: number; readonly text: number; readonly total: number } {
  const counts = { vision: 0, text: 0, total: 0 };
  for (const { name, shape } of parameters(config)) {
    const count = shape.reduce((product, side) => product * side, 1);
    counts.total += count;
    if (name.startsWith("visual.")) counts.vision += count;
    else if (!name.startsWith("logit_")) counts.text += count;
  }
  return counts;
}

function parameter(name: string, shape: readonly number[], init: Init): Parameter {
  return { kind: "parameter", name, shape, init };
}

const constant = (value: number): Init => ({ kind: "constant", value });
const normal = (std: number): Init => ({ kind: "normal", std });
/** PyTorch's default of linear and convolution layers, weight and bias alike: Kaiming-uniform with a = √5. */
const fanIn = (inputs: number): Init => ({ kind: "uniform", bound: inputs ** -0.5 });

function vit(vision: VitConfig, embedDim: number): Parameter[] {
  const { width, convStem } = vision;
  const scale = normal(width ** -0.5);
  const channels = convStem.at(-1) ?? 3;
  const kernel = vision.patchSize / 2 ** convStem.length;
  return [
    parameter("visual.class_embedding", [width], scale),
    parameter("visual.positional_embedding", [imageTokens(vision), width], scale),
    parameter("visual.proj", [width, embedDim], scale),
    ...convStem.flatMap((output, i) => {
      const input = convStem[i - 1] ?? 3;
      return [
        parameter(`visual.stem.${i}.weight`, [output, input, 3, 3], fanIn(input * 9)),
        parameter(`visual.stem.${i}.bias`, [output], fanIn(input * 9)),
      ];
    }),
    parameter("visual.conv1.weight", [width, channels, kernel, kernel], fanIn(channels * kernel ** 2)),
    ...norm("visual.ln_pre", width),
    ...Array.from({ length: vision.layers }, (_, i) => block(`visual.transformer.resblocks.${i}`, vision, defaultBlockInit(width))).flat(),
    ...norm("visual.ln_post", width),
  ];
}

function textTower(text: TextConfig): Parameter[] {
  const { width, layers } = text;
  const inits: BlockInit = {
    inProjection: normal(width ** -0.5),
    outProjection: normal(width ** -0.5 * (2 * layers) ** -0.5),
    hidden: normal((2 * width) ** -0.5),
    output: normal(width ** -0.5 * (2 * layers) ** -0.5),
  };
  return [
    ...Array.from({ length: layers }, (_, i) => block(`transformer.resblocks.${i}`, text, inits)).flat(),
    parameter("token_embedding.weight", [text.vocabSize, width], normal(0.02)),
    ...norm("ln_final", width),
  ];
}

/** Initial values of a block's four matrices; biases of the MLP keep the layer's default. */
interface BlockInit {
  readonly inProjection: Init;
  readonly outProjection: Init;
  readonly hidden: Init;
  readonly output: Init | undefined;
}

function defaultBlockInit(width: number): BlockInit {
  // Xavier-uniform over the fused 3d × d matrix, as torch.nn.MultiheadAttention does.
  const inProjection: Init = { kind: "uniform", bound: Math.sqrt(6 / (4 * width)) };
  return { inProjection, outProjection: fanIn(width), hidden: fanIn(width), output: undefined };
}

function block(prefix: string, tower: { readonly width: number; readonly mlpWidth: number }, init: BlockInit): Parameter[] {
  const { width, mlpWidth } = tower;
  return [
    ...norm(`${prefix}.ln_1`, width),
    parameter(`${prefix}.attn.in_proj_weight`, [3 * width, width], init.inProjection),
    parameter(`${prefix}.attn.in_proj_bias`, [3 * width], constant(0)),
    parameter(`${prefix}.attn.out_proj.weight`, [width, width], init.outProjection),
    parameter(`${prefix}.attn.out_proj.bias`, [width], constant(0)),
    ...norm(`${prefix}.ln_2`, width),
    parameter(`${prefix}.mlp.c_fc.weight`, [mlpWidth, width], init.hidden),
    parameter(`${prefix}.mlp.c_fc.bias`, [mlpWidth], fanIn(width)),
    parameter(`${prefix}.mlp.c_proj.weight`, [width, mlpWidth], init.output ?? fanIn(mlpWidth)),
    parameter(`${prefix}.mlp.c_proj.bias`, [width], fanIn(mlpWidth)),
  ];
}

function norm(prefix: string, width: number): Parameter[] {
  return [parameter(`${prefix}.weight`, [width], constant(1)), parameter(`${prefix}.bias`, [width], constant(0))];
}

function resNet(vision: ResNetConfig, embedDim: number): (Parameter | Buffer)[] {
  const { width } = vision;
  const half = width / 2;
  const tensors: (Parameter | Buffer)[] = [
    ...convolution("visual.conv1", [half, 3, 3]),
    ...batchNorm("visual.bn1", half),
    ...convolution("visual.conv2", [half, half, 3]),
    ...batchNorm("visual.bn2", half),
    ...convolution("visual.conv3", [width, half, 3]),
    ...batchNorm("visual.bn3", width),
  ];
  let inputs = width;
  vision.layers.forEach((blocks, stage) => {
    const planes = width * 2 ** stage;
    for (let i = 0; i < blocks; i++) {
      tensors.push(...bottleneck(`visual.layer${stage + 1}.${i}`, inputs, planes, i === 0));
      inputs = planes * 4;
    }
  });
  const attention = ["k_proj", "q_proj", "v_proj", "c_proj"].flatMap((name) => {
    const outputs = name === "c_proj" ? embedDim : inputs;
    return [
      parameter(`visual.attnpool.${name}.weight`, [outputs, inputs], normal(inputs ** -0.5)),
      parameter(`visual.attnpool.${name}.bias`, [outputs], fanIn(inputs)),
    ];
  });
  return [
    ...tensors,
    parameter("visual.attnpool.positional_embedding", [imageTokens(vision), inputs], normal(inputs ** -0.5)),
    ...attention,
  ];
}

function bottleneck(prefix: string, inputs: number, planes: number, first: boolean): (Parameter | Buffer)[] {
  const outputs = planes * 4;
  return [
    ...convolution(`${prefix}.conv1`, [planes, inputs, 1]),
    ...batchNorm(`${prefix}.bn1`, planes),
    ...convolution(`${prefix}.conv2`, [planes, planes, 3]),
    ...batchNorm(`${prefix}.bn2`, planes),
    ...convolution(`${prefix}.conv3`, [outputs, planes, 1]),
    // Zero gain: a fresh bottleneck is the identity.
    ...batchNorm(`${prefix}.bn3`, outputs, 0),
    ...(first ? [...convolution(`${prefix}.downsample.0`, [outputs, inputs, 1]), ...batchNorm(`${prefix}.downsample.1`, outputs)] : []),
  ];
}

function convolution(prefix: string, [outputs, inputs, kernel]: readonly [number, number, number]): Parameter[] {
  return [parameter(`${prefix}.weight`, [outputs, inputs, kernel, kernel], fanIn(inputs * kernel ** 2))];
}

function batchNorm(prefix: string, channels: number, gain = 1): (Parameter | Buffer)[] {
  return [
    parameter(`${prefix}.weight`, [channels], constant(gain)),
    parameter(`${prefix}.bias`, [channels], constant(0)),
    { kind: "buffer", name: `${prefix}.running_mean`, shape: [channels], dtype: "F32", init: constant(0) },
    { kind: "buffer", name: `${prefix}.running_var`, shape: [channels], dtype: "F32", init: constant(1) },
    { kind: "buffer", name: `${prefix}.num_batches_tracked`, shape: [], dtype: "I64", init: constant(0) },
  ];
}
