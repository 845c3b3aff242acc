import type { Tensor } from "../engine/tensor.ts";
import type { Random } from "../util/random.ts";
import { type Site, uniformTensor } from "./sites.ts";

/** What VeRA draws by. */
export const veraPurpose = "init/adapter";

/** Frozen A [r, K] and B [N, r] of all parts of one size. */
export interface SharedPair {
  readonly a: Tensor;
  readonly b: Tensor;
}

/** Output rows of each part of a site: its parts are of one size. */
const partRows = ({ parts }: Site): number => (parts[0] ? parts[0].to - parts[0].from : 0);

/** Sites with one key share a pair. */
export const pairKey = (site: Site): string => `${site.tower} ${site.inputs} ${partRows(site)}`;

/** One pair for each size and tower, at addresses of their own: what other sites there are changes nothing. Bounds √(6/fan-in), Kaiming's for a linear map. */
export function sharedPairs(
  sites: readonly Site[],
  r: number,
  { random, like }: { readonly random: Random; readonly like: Tensor },
): ReadonlyMap<string, SharedPair> {
  const pairs = new Map<string, SharedPair>();
  for (const site of sites) {
    if (pairs.has(pairKey(site))) continue;
    const [inputs, outputs, tower] = [site.inputs, partRows(site), site.tower === "image" ? 0 : 1];
    const draw = (which: number, shape: readonly number[], fan: number): Tensor =>
      uniformTensor(random.at(veraPurpose, { index: 2 * tower + which, step: inputs, task: outputs }), shape, {
        bound: Math.sqrt(6 / fan),
        like,
      });
    pairs.set(pairKey(site), { a: draw(0, [r, inputs], inputs), b: draw(1, [outputs, r], r) });
  }
  return pairs;
}
