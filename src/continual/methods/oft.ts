import { z } from "zod";
import { clampMin } from "../../engine/elementwise.ts";
import { solve } from "../../engine/linear-algebra.ts";
import {
  add,
  concat,
  indexSelect,
  linear,
  matmul,
  mul,
  mulNumber,
  neg,
  permute,
  reshape,
  rsqrt,
  sub,
  sum,
  to,
  toDevice,
  transpose,
  zeros,
} from "../../engine/ops.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { EvergreenError } from "../../util/errors.ts";
import { defineMethod } from "../method.ts";
import { adaptersAt, applyParts, foldParts, learnsBeside, type Site, siteOptions, sitesOf } from "../sites.ts";

export default defineMethod({
  summary: "Rotations: each adapted weight W becomes W·R, R orthogonal in blocks along the inputs, so angles between neurons stay.",
  source: "arXiv:2306.07280, eq. 5: R = (I + Q)(I − Q)⁻¹ with Q skew-symmetric; bounded as its §3.4, by Q",
  when: "As lora, where angles between neurons are to stay.",
  cost: "A solve for each block of inputs and one more product for each adapted layer; moments for the rotations alone.",
  options: z.strictObject({
    block: z.int().min(2).default(32).describe("inputs that a block of R rotates among themselves"),
    bound: z.number().positive().optional().describe("most that ‖R − I‖ may be for each layer's part; no bound when absent"),
    ...siteOptions,
  }),
  peft: {
    settings({ block, bound }) {
      if (bound === undefined)
        return {
          peft_type: "OFT",
          r: 0,
          oft_block_size: block,
          use_cayley_neumann: false,
          coft: false,
          block_share: false,
          module_dropout: 0,
        };
      throw new EvergreenError("oft: PEFT bounds rotations in another way, so adapters with a bound have no form of its own", {
        code: "EG-3109",
        exit: "config",
        fix: "export the folded weights",
      });
    },
    options: ({
      peft_type: type,
      oft_block_size: block,
      use_cayley_neumann: isSeries = true,
      coft = false,
      block_share: isShared = false,
    }) => (type === "OFT" && !isSeries && !coft && !isShared ? { block: block as number } : undefined),
  },
  build(options) {
    return {
      budget: { learns: "metered" },
      adapt: (model) =>
        adaptersAt(sitesOf(model, options), {
          own: (site) => {
            const { device } = model.weights.get(site.weight) as Tensor;
            const shape = [blocksOf(site, options.block), (options.block * (options.block - 1)) / 2];
            return Object.fromEntries(site.parts.map(({ name }) => [`${name}.oft_R`, zeros(shape, "float32", device)]));
          },
          adapter: (site) => oftAdapter(site, options),
        }),
      trainable: learnsBeside(options),
    };
  },
});

function blocksOf({ inputs, weight }: Site, block: number): number {
  if (inputs % block === 0) return inputs / block;
  throw new EvergreenError(`oft: block ${block} does not divide the ${inputs} inputs of ${weight}`, {
    code: "EG-3107",
    exit: "config",
    fix: "take a block that divides the widths of both towers, as 32, or leave the layer out of target_modules",
  });
}

/** (x Rᵀ) Wᵀ of each part: turning x costs less than the gradient of a turned weight. */
function oftAdapter(site: Site, { block, bound }: { readonly block: number; readonly bound?: number | undefined }): Adapter {
  const places = skewPlaces(block);
  const ones = Float32Array.from({ length: block * block }, (_, i) => (i % (block + 1) === 0 ? 1 : 0));
  const blocks = site.inputs / block;
  const rotations = (part: string, own: (name: string) => Tensor): Tensor => cayley(skew(own(`${part}.oft_R`), places, block), ones, bound);
  /** Rows of `of` [M, K] times R or Rᵀ, block by block. */
  const turned = (of: Tensor, by: Tensor): Tensor => {
    const [rows = 0, inputs = 0] = of.shape;
    const cut = permute(reshape(of, [rows, blocks, block]), [1, 0, 2]); // [blocks, M, block]
    return reshape(permute(matmul(cut, by), [1, 0, 2]), [rows, inputs]);
  };
  return {
    apply: (x, layer) =>
      applyParts(site, { x, layer }, (name, { weight, bias }) =>
        linear(turned(x, to(transpose(rotations(name, layer.own), 1, 2), x.dtype)), weight, bias),
      ),
    fold: ({ weight, own }) => foldParts(site, weight, (name, part) => turned(part, rotations(name, own))),
  };
}

/** For each entry of a block its place in (0, the entries above the diagonal, their negatives). */
function skewPlaces(block: number): Int32Array {
  const above = (block * (block - 1)) / 2;
  const places = new Int32Array(block * block);
  let next = 1;
  for (let row = 0; row < block; row++)
    for (let column = row + 1; column < block; column++) {
      places[row * block + column] = next;
      places[column * block + row] = next + above;
      next += 1;
    }
  return places;
}

/** Q [blocks, block, block] from its entries above the diagonal, row by row. */
function skew(entries: Tensor, places: Int32Array, block: number): Tensor {
  const [blocks = 0] = entries.shape;
  const all = concat([zeros([blocks, 1], "float32", entries.device), entries, neg(entries)], 1);
  const picked = indexSelect(all, 1, toDevice(tensor(places, [places.length], "int32"), entries.device));
  return reshape(picked, [blocks, block, block]);
}

/** (I + Q)(I − Q)⁻¹, I of the entries `ones`; the two factors commute. R − I = 2Q(I − Q)⁻¹ and no eigenvalue of I − Q is below 1, so ‖R − I‖ ≤ 2‖Q‖, and Q alone is bounded. */
function cayley(q: Tensor, ones: Float32Array, bound: number | undefined): Tensor {
  const [, block = 0] = q.shape;
  const most = (bound ?? 0) / 2;
  const held = bound === undefined ? q : mul(q, mulNumber(rsqrt(clampMin(sum(mul(q, q)), most ** 2)), most));
  const identity = toDevice(tensor(ones, [block, block], "float32"), q.device);
  return solve(sub(identity, held), add(identity, held)); // [blocks, block, block]
}
