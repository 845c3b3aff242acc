import type { Weights } from "../engine/tensor.ts";
import type { Clip } from "../models/clip.ts";
import { EvergreenError } from "../util/errors.ts";
import type { Method } from "./method.ts";
import { snapshot } from "./snapshot.ts";

type Memory = { readonly first: number; readonly at?: number; readonly before?: Weights };

/** Steps of a run's first task, and of the task asked about. */
export interface TaskLengths {
  readonly first: number;
  readonly own: number;
}

/**
 * What a schedule asks for whose last steps of a task are a branch (arXiv:2503.02844, section 3): the branch's end is evaluated and shipped, the next task starts from the
 * weights before it. `from` gives the branch's first step; undefined where a task has none.
 */
export function branchMethod(name: string, from: (steps: TaskLengths) => number | undefined): Method<Memory> {
  return {
    holds: () => ({ models: 1 }),
    init: ({ steps }) => ({ first: steps }),
    startTask({ steps, model }, { first }) {
      const at = from({ first, own: steps });
      if (at === undefined) return { first };
      refuseAdapters(name, model);
      return { first, at };
    },
    afterStep: ({ model, at }, memory) => (at.step + 1 === memory.at ? { ...memory, before: snapshot(model.weights) } : memory),
    flow: (expert, _, { first, before }) => ({ deploy: expert, start: before ?? expert, state: { first } }),
  };
}

/** Going back to the weights before a branch says nothing of what adapters learned since. @throws {EvergreenError} */
function refuseAdapters(name: string, { adapters }: Clip): void {
  if (!adapters) return;
  throw new EvergreenError(`${name}: goes back to the model's own weights before its anneal, and adapters hold them still`, {
    code: "EG-3106",
    exit: "config",
    fix: "set schedule.resume_from to annealed, or leave the adapters out",
  });
}
