import { concat, mulNumber, slice, zeros } from "../engine/ops.ts";
import type { Tensor } from "../engine/tensor.ts";
import { adapterName } from "../nn/adapter.ts";
import type { Json } from "../util/json.ts";
import { loraScale } from "./low-rank.ts";
import type { PeftForm } from "./method.ts";
import { type SiteOptions, sitesOf } from "./sites.ts";
import { pairKey } from "./vera-pairs.ts";

interface VeraOptions extends SiteOptions {
  readonly r: number;
  readonly loraAlpha?: number | undefined;
  readonly rslora: boolean;
}

/**
 * PEFT's VeRA has one A [R, K] and one B [N, R] for the whole model, of which a layer uses the first columns and rows, and no scale. Each of our pairs takes r of its
 * R = r · pairs ranks, a layer's d is zero at the others, and the scale goes into b: the same product, exactly.
 */
export const veraPeft: PeftForm<VeraOptions> = {
  settings: ({ r }) => ({
    peft_type: "VERA",
    r,
    d_initial: 0.1,
    init_weights: true,
    projection_prng_key: 0,
    save_projection: true,
    vera_dropout: 0,
  }),
  options: ({ peft_type: type, r }) => (type === "VERA" ? { r: r as Json } : undefined),
  common: {
    pack(model, { weights, shared = [] }, options) {
      const sites = sitesOf(model, options);
      const keys = [...new Set(sites.map(pairKey))];
      const { r } = options;
      const downs = keys.map((_, pair) => shared[2 * pair] as Tensor);
      const ups = keys.map((_, pair) => shared[2 * pair + 1] as Tensor);
      const [inputs, outputs] = [longest(downs, 1), longest(ups, 0)];
      const own = sites.flatMap((site) =>
        site.parts.flatMap(({ name }): readonly (readonly [string, Tensor])[] => {
          const [d, b] = ["d", "b"].map((which) => adapterName(site.weight, `${name}.vera_lambda_${which}`)) as [string, string];
          const before = r * keys.indexOf(pairKey(site));
          const after = r * keys.length - before - r;
          return [
            [d, concat([zeros([before]), weights.get(d) as Tensor, zeros([after])], 0)],
            [b, mulNumber(weights.get(b) as Tensor, loraScale(options))],
          ];
        }),
      );
      return {
        options: { r: r * keys.length },
        weights: new Map(own),
        common: new Map([
          [
            "vera_A",
            concat(
              downs.map((a) => concat([a, zeros([r, inputs - (a.shape[1] ?? 0)])], 1)),
              0,
            ),
          ], // [R, K]
          [
            "vera_B",
            concat(
              ups.map((b) => concat([b, zeros([outputs - (b.shape[0] ?? 0), r])], 0)),
              1,
            ),
          ], // [N, R]
        ]),
      };
    },
    unpack: (common, own) =>
      own.map(({ shape: [rows = 0, columns = 0] }, i) => {
        const whole = common.get(i % 2 === 0 ? "vera_A" : "vera_B");
        if (!whole) throw new Error("internal: VeRA without its shared matrices");
        return i % 2 === 0 ? slice(whole, 1, 0, columns) : slice(whole, 0, 0, rows);
      }),
  },
};

const longest = (tensors: readonly Tensor[], axis: number): number => Math.max(...tensors.map(({ shape }) => shape[axis] ?? 0));
