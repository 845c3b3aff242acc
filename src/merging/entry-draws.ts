import { firstPhiloxWords } from "../util/philox-words.ts";
import { philoxKey } from "../util/random.ts";
import type { MergeInput } from "./operator.ts";

/** First words of the draws at `index` = entry of the tower, for every entry of the input: the numbers that {@link MergeInput.random} gives there. */
function firstWords({ random, tensor, offset, size, task }: MergeInput, purpose: string, step: number): Uint32Array {
  return firstPhiloxWords(size, { from: tensor.start + offset, step, task }, philoxKey(random.seed, purpose));
}

/** 1 for the entries of model i that stay when each is dropped with probability `drop`, else 0. */
export function keptEntries(input: MergeInput, i: number, drop: number): Float32Array {
  const words = firstWords(input, "merge/dare", i);
  const kept = new Float32Array(words.length);
  for (let at = 0; at < kept.length; at++) kept[at] = ((words[at] as number) >>> 8) * 2 ** -24 < drop ? 0 : 1;
  return kept;
}

/** For every entry one of the models, all equally likely. */
export function chosenModels(input: MergeInput): Uint32Array {
  const { count, random, task } = input;
  const limit = 2 ** 32 - (2 ** 32 % count);
  const from = input.tensor.start + input.offset;
  return firstWords(input, "merge/random", 0).map((word, i) =>
    // Words that would favour some models are drawn again.
    word < limit ? word % count : random.at("merge/random", { task, index: from + i }).below(count),
  );
}
