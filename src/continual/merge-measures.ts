import { squaredDistances } from "../engine/entries.ts";
import { reshape } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import type { Tensor, Weights } from "../engine/tensor.ts";
import { placementOf, type TowerName, towerNames } from "../merging/placement.ts";
import type { ClipConfig } from "../models/architecture.ts";

/** The weights that an angle lies between. */
export interface Angle {
  readonly config: ClipConfig;
  readonly origin: Weights;
  readonly fresh: Weights;
  readonly old: Weights;
}

/** cos(θ_t − θ0, r − θ0) of each tower's merged tensors: how much a new expert goes where the merge before went. Undefined where one of them did not move. */
export function towerCosines({ config, origin, fresh, old }: Angle): Readonly<Record<TowerName, number | undefined>> {
  const sums = new Map<TowerName, [fresh: number, old: number, between: number]>(towerNames.map((tower) => [tower, [0, 0, 0]]));
  for (const { name, tower, merged } of placementOf(config)) {
    const [from, a, b] = [origin.get(name), fresh.get(name), old.get(name)];
    const sum = sums.get(tower);
    if (merged !== "parameter" || !from || !a || !b || !sum) continue;
    scope(() => {
      const flat = (of: Tensor): Tensor => reshape(of, [-1]);
      const [ofFresh = 0, ofOld = 0] = squaredDistances([flat(a), flat(b)], flat(from));
      const [between = 0] = squaredDistances([flat(a)], flat(b));
      sum[0] += ofFresh;
      sum[1] += ofOld;
      sum[2] += between;
    });
  }
  const cosine = (tower: TowerName): number | undefined => {
    const [ofFresh, ofOld, between] = sums.get(tower) ?? [0, 0, 0];
    return ofFresh > 0 && ofOld > 0 ? (ofFresh + ofOld - between) / (2 * Math.sqrt(ofFresh) * Math.sqrt(ofOld)) : undefined;
  };
  return { image: cosine("image"), text: cosine("text") };
}
