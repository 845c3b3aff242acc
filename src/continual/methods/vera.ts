import { z } from "zod";
import { addProduct } from "../../engine/linear-algebra.ts";
import { full, linear, mul, mulNumber, reshape, to, transpose } from "../../engine/ops.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { EvergreenError } from "../../util/errors.ts";
import { philoxKey } from "../../util/random.ts";
import { loraOptions, loraScale, lowRankBudget } from "../low-rank.ts";
import { defineMethod, type RunFacts } from "../method.ts";
import { adaptersAt, applyParts, foldParts, learnsBeside, type Site, siteOptions, sitesOf } from "../sites.ts";
import { pairKey, type SharedPair, sharedPairs, veraPurpose } from "../vera-pairs.ts";
import { veraPeft } from "../vera-peft.ts";

/** Where the two vectors of a site start. */
const starts = { paper: { d: 0.1, b: 0 }, published: { d: 0, b: 0.1 } } as const;

export default defineMethod({
  summary: "Vector adapters: W + s·diag(b) B diag(d) A, where A and B are random, frozen and shared by all layers of one size.",
  source: "arXiv:2310.11454, eq. 2",
  when: "As lora, where adapters of many tasks are to be stored.",
  cost: "A step about as with lora; what learns are two vectors for each adapted layer, so moments and files are smaller still.",
  options: z.strictObject({
    r: z.int().min(1).default(16).describe("rank of the shared matrices"),
    loraAlpha: loraOptions.loraAlpha,
    rslora: loraOptions.rslora,
    init: z.enum(["paper", "published"]).default("paper").describe("d 0.1 and b 0, or d 0 and b 0.1 as arXiv:2408.14471's code"),
    ...siteOptions,
  }),
  peft: veraPeft,
  build(options) {
    const scale = loraScale(options);
    const start = starts[options.init];
    return {
      budget: lowRankBudget("vera", options),
      adapt: (model, { random }) => {
        const sites = sitesOf(model, options);
        const like = model.weights.get("logit_scale") as Tensor;
        const pairs = sharedPairs(sites, options.r, { random, like });
        const adapters = adaptersAt(sites, {
          own: ({ parts }) =>
            Object.fromEntries(
              parts.flatMap(({ name, from, to: end }) => [
                [`${name}.vera_lambda_d`, full([options.r], start.d, "float32", like.device)],
                [`${name}.vera_lambda_b`, full([end - from], start.b, "float32", like.device)],
              ]),
            ),
          adapter: (site) => veraAdapter(site, scale, pairs.get(pairKey(site)) as SharedPair),
        });
        return { ...adapters, shared: [...pairs.values()].flatMap(({ a, b }) => [a, b]) };
      },
      trainable: learnsBeside(options),
      // What the shared matrices follow from is remembered in their place.
      init: ({ run }) => ({ key: keyOf(run) }),
      startTask({ run }, state) {
        if (state.key === keyOf(run)) return state;
        throw new EvergreenError(
          `vera: the shared matrices were drawn with key ${state.key}, and the run's seed ${run.random.seed} gives ${keyOf(run)}`,
          {
            code: "EG-3108",
            exit: "config",
            fix: "go on with the seed that the run began with",
          },
        );
      },
    };
  },
});

const keyOf = ({ random }: RunFacts): string =>
  philoxKey(random.seed, veraPurpose)
    .map((word) => word.toString(16).padStart(8, "0"))
    .join("");

/** x Wᵀ + s·(x Aᵀ) (diag(b) B diag(d))ᵀ of each part; x Aᵀ is the parts' common one. */
function veraAdapter(site: Site, scale: number, { a, b }: SharedPair): Adapter {
  const up = (part: string, own: (name: string) => Tensor): Tensor =>
    mulNumber(mul(mul(b, reshape(own(`${part}.vera_lambda_b`), [-1, 1])), own(`${part}.vera_lambda_d`)), scale);
  return {
    apply(x, layer) {
      const down = linear(x, to(a, x.dtype));
      return applyParts(site, { x, layer }, (name, { weight, bias }) =>
        addProduct(linear(x, weight, bias), down, transpose(to(up(name, layer.own), x.dtype), 0, 1)),
      );
    },
    fold: ({ weight, own }) => foldParts(site, weight, (name, part) => addProduct(part, up(name, own), a)),
  };
}
