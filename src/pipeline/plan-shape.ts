import { type ClipWork, type ConvolutionShape, resNetWork, type TowerWork, transformerWork, visionWork } from "../budget/tower.ts";
import { type ClipConfig, imageTokens, type ResNetConfig, type TextConfig, type VitConfig } from "../models/architecture.ts";

/** An architecture as the closed form of its FLOPs takes it. */
export function workOf({ vision, text, embedDim }: ClipConfig): ClipWork {
  return {
    image: vision.kind === "vit" ? vitWork(vision, embedDim) : resNetTower(vision, embedDim),
    text: textWork(text, embedDim),
    embedding: embedDim,
  };
}

function textWork({ width, layers, mlpWidth, contextLength, prompts = 0 }: TextConfig, embedding: number): TowerWork {
  return transformerWork({ width, tokens: contextLength + prompts, blocks: layers, mlpWidth }, embedding);
}

function vitWork(vision: VitConfig, embedding: number): TowerWork {
  const { width, layers, mlpWidth, convStem, patchSize, imageSize } = vision;
  const stem = convStem.map((outputs, i): ConvolutionShape => {
    const inputs = convStem[i - 1] ?? 3;
    return { inputs, outputs, kernel: 3, side: Math.ceil(imageSize / 2 ** (i + 1)) };
  });
  const patches: ConvolutionShape = {
    inputs: convStem.at(-1) ?? 3,
    outputs: width,
    kernel: patchSize / 2 ** convStem.length,
    side: Math.floor(imageSize / patchSize),
  };
  return visionWork(
    { width, tokens: imageTokens(vision) + (vision.prompts ?? 0), blocks: layers, mlpWidth },
    [...stem, patches],
    embedding,
  );
}

function resNetTower(vision: ResNetConfig, embedding: number): TowerWork {
  const { width, imageSize } = vision;
  const half = width / 2;
  const stem = [
    [3, half],
    [half, half],
    [half, width],
  ].map(([inputs = 0, outputs = 0]): ConvolutionShape => ({ inputs, outputs, kernel: 3, side: imageSize / 2 }));
  const stages = vision.layers.flatMap((blocks, stage) =>
    Array.from({ length: blocks }, (_, i) => bottleneck(vision, stage, i === 0)).flat(),
  );
  return resNetWork([...stem, ...stages], { width: width * 32, tokens: imageTokens(vision) }, embedding);
}

/** The first block of a later stage halves the maps behind its second convolution, by a pool. */
function bottleneck({ width, imageSize }: ResNetConfig, stage: number, first: boolean): readonly ConvolutionShape[] {
  const planes = width * 2 ** stage;
  const outputs = planes * 4;
  const inputs = !first ? outputs : stage === 0 ? width : outputs / 2;
  const side = imageSize / 4 / 2 ** stage;
  const before = first && stage > 0 ? side * 2 : side;
  return [
    { inputs, outputs: planes, kernel: 1, side: before },
    { inputs: planes, outputs: planes, kernel: 3, side: before },
    { inputs: planes, outputs, kernel: 1, side },
    ...(first ? [{ inputs, outputs, kernel: 1, side }] : []),
  ];
}
