import { z } from "zod";
import { keep, scope } from "../../engine/scope.ts";
import type { Tensor, Weights } from "../../engine/tensor.ts";
import { type Adapters, adapterName } from "../../nn/adapter.ts";
import { firstWeights, taskWeights } from "../../runs/lineage.ts";
import { meanOfTensors } from "../averaging.ts";
import { allWeights } from "../learned.ts";
import { loraHooks, loraOptions } from "../low-rank.ts";
import { defineMethod, type Method } from "../method.ts";
import { siteOptions } from "../sites.ts";
import { snapshot } from "../snapshot.ts";

export default defineMethod({
  summary:
    "Fresh low-rank adapters beside the first weights for every task; shipped is the mean of what all of them learned, or all of them as one model.",
  source: "the variant of arXiv:2408.14471's code; adapters of arXiv:2106.09685",
  when: "Each task is to be an adapter of its own, which can be left out again.",
  cost: "A step as lora; adapters of every task are kept, under max-logit a model for each: evaluations and files grow with the tasks.",
  options: z.strictObject({
    ...loraOptions,
    deploy: z
      .enum(["mean-product", "mean-factor", "max-logit"])
      .default("mean-product")
      .describe(
        "mean of the products B A of all tasks; product of the means of B and A, as published; or every task's model, the largest of their logits counting: evaluated at the cost of as many models",
      ),
    ...siteOptions,
  }),
  build({ deploy, ...options }) {
    const hooks = loraHooks(options);
    return { ...hooks, ...(deploy === "max-logit" ? allExperts : meanExpert(deploy, hooks.trainable)) };
  },
});

/** Every task's expert is kept as a file; all of them are one model. */
const allExperts: Pick<Method<Memory>, "holds" | "passes" | "ensemble" | "flow"> = {
  holds: (tasks) => ({ experts: tasks }),
  passes: () => 1,
  ensemble: expertsUpTo,
  async flow(expert, { task, model, origin, experts }) {
    experts.put(taskWeights(task), new Map([...expert, ...model.buffers]));
    const name = lineageName(task);
    const of = expertsUpTo(task).map((weights) => ({ weights }));
    return { start: await origin(), lineage: { deploy: name, start: firstWeights, made: [{ name, by: "max-logit", of }] } };
  },
};

function expertsUpTo(task: number): readonly string[] {
  return Array.from({ length: task + 1 }, (_, i) => taskWeights(i));
}

const lineageName = (task: number): string => `lora-per-task-${task + 1}`;

/** What the tasks' adapters learned is remembered; shipped is its mean. */
function meanExpert(
  deploy: Merge["deploy"],
  trainable: (name: string) => boolean,
): Pick<Method<Memory>, "holds" | "passes" | "init" | "endTask" | "flow"> {
  return {
    holds: (tasks) => ({ adapterSets: Math.max(0, tasks - 2) }),
    // Of each task the product, then the first weights and what is shipped.
    passes: (task) => task + 3,
    init: () => ({ experts: [] }),
    endTask: ({ model }, { experts }) => ({ experts: [...experts, snapshot(allWeights(model), trainable)] }),
    async flow(_, { task, model, origin }, { experts }) {
      const start = await origin();
      const { adapters } = model;
      if (!adapters) throw new Error("internal: a task of lora-per-task ended without adapters");
      const of = experts.map((__, i) => ({ weights: taskWeights(i), share: 1 / experts.length }));
      const name = lineageName(task);
      const lineage = { deploy: name, start: firstWeights, made: [{ name, by: deploy, of }] };
      return { deploy: merged(adapters, { start, experts, deploy }), start, lineage };
    },
  };
}

/** What each task learned, oldest first. */
type Memory = { readonly experts: readonly Weights[] };

interface Merge extends Memory {
  readonly start: Weights;
  readonly deploy: "mean-product" | "mean-factor";
}

/** The first weights with the mean of the tasks' adapters folded in; new tensors, the caller's to release, where something was learned. */
function merged(adapters: Adapters, { start, experts, deploy }: Merge): Weights {
  const meanOver = (of: (expert: Weights) => Tensor): Tensor => scope(() => meanOfTensors(experts.map(of)));
  const entries = [...start].map(([name, weight]): readonly [string, Tensor] => {
    const site = adapters.sites.get(name);
    const isLearned = experts.every((expert) => expert.has(name));
    if (!site) return [name, isLearned ? scope(() => keep(meanOver((expert) => expert.get(name) as Tensor))) : weight];
    const own = (expert: Weights) => (part: string) => expert.get(adapterName(name, part)) as Tensor;
    const product = (): Tensor => meanOver((expert) => site.fold({ weight, own: own(expert) }));
    const factor = (): Tensor => site.fold({ weight, own: (part) => meanOver((expert) => own(expert)(part)) });
    return [name, scope(() => keep(deploy === "mean-product" ? product() : factor()))];
  });
  return new Map(entries);
}
