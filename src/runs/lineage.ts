import type { LedgerRow } from "./rows.ts";

/** How far a merge led in each tower. */
export type TowerMeasures = Readonly<
  Record<
    string,
    {
      /** ‖r − θ0‖. */
      readonly distance: number;
      /** The same over the mean distance of what was merged. */
      readonly growth?: number;
      /** cos(θ_t − θ0, r_{t−1} − θ0), where an expert was merged with the merge before. */
      readonly cosine?: number;
    }
  >
>;

/** How weights came about: by what, and of which others, with their shares where it is a mean of them. */
export interface Descent {
  /** `theta0` are the weights that the run began with, `task-3` what task 3 left; others are named by who made them. */
  readonly name: string;
  /** `training`, or an operator or method. */
  readonly by: string;
  readonly of: readonly { readonly weights: string; readonly share?: number }[];
  readonly towers?: TowerMeasures;
}

/** What is made of a task's weights: what is shipped and what the next task starts from, by name. */
export interface Lineage {
  readonly deploy: string;
  readonly start: string;
  readonly made: readonly Descent[];
}

export const firstWeights = "theta0";
/** What a task leaves, tasks counted from 0. */
export const taskWeights = (task: number): string => `task-${task + 1}`;

/** Weights, what they came from, and all samples that had a part in them. */
interface LineageNode extends Descent {
  /** Tasks, from 0, whose steps had a part. */
  readonly tasks: readonly number[];
  readonly samples: readonly { readonly source: string; readonly pass: number; readonly n: number }[];
}

/** The descent of a run's weights after its tasks so far. */
export interface LineageGraph {
  readonly nodes: readonly LineageNode[];
  /** Name of what was shipped after each task. */
  readonly deployed: readonly string[];
}

/** Follows every set of weights back to the first ones. `told` is what methods said after each task; nothing where a task simply goes on from the last. */
export function lineageGraph(tasks: number, told: ReadonlyMap<number, Lineage>, ledger: readonly LedgerRow[]): LineageGraph {
  const nodes = new Map<string, LineageNode>([
    [firstWeights, { name: firstWeights, by: "the run's start", of: [], tasks: [], samples: [] }],
  ]);
  const add = (descent: Descent, own: readonly number[] = []): void => {
    const found = new Set([...own, ...descent.of.flatMap(({ weights }) => nodes.get(weights)?.tasks ?? [])]);
    const all = [...found].sort((a, b) => a - b);
    nodes.set(descent.name, { ...descent, tasks: all, samples: samplesOf(ledger, all) });
  };
  const deployed: string[] = [];
  let from = firstWeights;
  for (let task = 0; task < tasks; task++) {
    const name = taskWeights(task);
    add({ name, by: "training", of: [{ weights: from }] }, [task]);
    const { deploy, start, made } = told.get(task) ?? { deploy: name, start: name, made: [] };
    for (const descent of made) add(descent);
    deployed.push(deploy);
    from = start;
  }
  return { nodes: [...nodes.values()], deployed };
}

function samplesOf(ledger: readonly LedgerRow[], tasks: readonly number[]): LineageNode["samples"] {
  const sums = new Map<string, { readonly source: string; readonly pass: number; n: number }>();
  for (const { task, source, pass, n } of ledger) {
    if (!tasks.includes(task)) continue;
    const key = JSON.stringify([source, pass]);
    const sum = sums.get(key) ?? { source, pass, n: 0 };
    sums.set(key, { ...sum, n: sum.n + n });
  }
  return [...sums.values()];
}

/** The graph in Mermaid's language: what was shipped last has a double border. */
export function lineageDiagram({ nodes, deployed }: LineageGraph): string {
  const id = (name: string): string => name.replace(/[^A-Za-z0-9]/g, "_");
  const last = deployed.at(-1);
  return [
    "graph LR",
    ...nodes.map(({ name, by }) => {
      const text = JSON.stringify(by === "training" ? name : `${name}: ${by}`);
      return `  ${id(name)}${name === last ? `[[${text}]]` : `[${text}]`}`;
    }),
    ...nodes.flatMap(({ name, of }) =>
      of.map(({ weights, share }) => `  ${id(weights)} -->${share === undefined ? "" : `|${round(share)}|`} ${id(name)}`),
    ),
    "",
  ].join("\n");
}

const round = (share: number): number => Number(share.toPrecision(3));
