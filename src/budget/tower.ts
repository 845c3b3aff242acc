/** A transformer as its matrix products see it. */
export interface TransformerShape {
  readonly width: number;
  readonly tokens: number;
  readonly blocks: number;
  readonly mlpWidth: number;
}

/** FLOPs of a tower's forward pass over one sample; a multiply-add is two. Norms, activations, softmax and look-ups are not counted. */
export interface TowerWork {
  /** The first layer: nothing below it asks for a gradient. */
  readonly first: number;
  /** Convolutions between the first layer and the blocks. */
  readonly stem: number;
  /** Products of the blocks with weights. */
  readonly linear: number;
  /** Both products of attention; a causal mask is ignored. */
  readonly attention: number;
  /** The pooled token into the shared space. */
  readonly projection: number;
  /** Present for transformers. */
  readonly shape?: TransformerShape;
}

/** Both towers over one sample. */
export interface ClipWork {
  readonly image: TowerWork;
  readonly text: TowerWork;
  readonly embedding: number;
}

/** Samples that a tower embeds at a time, texts without padding. */
export interface PackedSize {
  /** Images, or distinct texts. */
  readonly rows: number;
  /** Tokens in all, rounded up as the engine does. */
  readonly tokens: number;
  /** Of the longest. */
  readonly longest: number;
}

/** Blocks and projection of a transformer tower. */
export function transformerWork(shape: TransformerShape, embedding: number): TowerWork {
  const { width, tokens, blocks, mlpWidth } = shape;
  return {
    first: 0,
    stem: 0,
    linear: 2 * tokens * blocks * (4 * width ** 2 + 2 * width * mlpWidth),
    attention: 4 * tokens ** 2 * width * blocks,
    projection: 2 * width * embedding,
    shape,
  };
}

/** A convolution over square maps of `side` × `side` results. */
export interface ConvolutionShape {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly side: number;
}

const convolutionWork = ({ inputs, outputs, kernel, side }: ConvolutionShape): number => 2 * side ** 2 * outputs * inputs * kernel ** 2;

/** An image transformer behind its convolutions, the patches' the last of them. */
export function visionWork(shape: TransformerShape, convolutions: readonly ConvolutionShape[], embedding: number): TowerWork {
  const [first = 0, ...others] = convolutions.map(convolutionWork);
  return { ...transformerWork(shape, embedding), first, stem: others.reduce((sum, each) => sum + each, 0) };
}

/** OpenAI's ResNet: convolutions, then one query that looks at all places and their mean. */
export function resNetWork(
  convolutions: readonly ConvolutionShape[],
  pool: { readonly width: number; readonly tokens: number },
  embedding: number,
): TowerWork {
  const [first = 0, ...others] = convolutions.map(convolutionWork);
  const { width, tokens } = pool;
  const keysAndValues = 2 * tokens * 2 * width ** 2;
  const query = 2 * width ** 2;
  return {
    first,
    stem: 0,
    linear: others.reduce((sum, each) => sum + each, keysAndValues + query),
    attention: 4 * tokens * width,
    projection: 2 * width * embedding,
  };
}

/** FLOPs of a forward pass over one sample. */
export const forwardFlops = ({ first, stem, linear, attention, projection }: TowerWork): number =>
  first + stem + linear + attention + projection;
