import { type DrawPlace, dropByLot, philoxWords } from "../engine/entries.ts";
import type { Tensor } from "../engine/tensor.ts";
import { philoxKey } from "../util/random.ts";
import type { MergeInput } from "./operator.ts";

// The draws at `index` = entry of the tower: the numbers that MergeInput.random gives there.

const placeOf = ({ tensor, offset, task }: MergeInput, step: number): DrawPlace => ({ entry: tensor.start + offset, step, task });

/** Drops each entry of task vectors [n, size], those of model `from` and after, with probability `drop`, and divides what stays by 1 − drop, in place. */
export const dropEntries = (input: MergeInput, vectors: Tensor, at: { readonly from: number; readonly drop: number }): void =>
  dropByLot(vectors, at.drop, placeOf(input, at.from), philoxKey(input.random.seed, "merge/dare"));

/** For every entry one of the models, all equally likely. */
export function chosenModels(input: MergeInput): Uint32Array {
  const { count, random, task, size } = input;
  const limit = 2 ** 32 - (2 ** 32 % count);
  const place = placeOf(input, 0);
  return philoxWords(size, place, philoxKey(random.seed, "merge/random")).map((word, i) =>
    // Words that would favour some models are drawn again.
    word < limit ? word % count : random.at("merge/random", { task, index: place.entry + i }).below(count),
  );
}
