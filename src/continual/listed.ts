import { EvergreenError } from "../util/errors.ts";
import type { Method } from "./method.ts";

/** A method by the name that the run file gives it. */
export interface NamedMethod {
  readonly name: string;
  readonly method: Method;
}

/** Hooks that one method of a run may have, and what each decides: two would each throw the other's result away. */
const decides = {
  adapt: "what stands beside the model's layers",
  expert: "what a task leaves",
  flow: "what is shipped and what the next task starts from",
  ensemble: "which models are shipped as one",
} as const;

/**
 * Refuses methods that cannot be listed together.
 * @throws {EvergreenError} for two methods that both decide what a task leaves, where the weights go, or what stands beside the layers; for one that looks at the shipped model where several are shipped as
 * one; and for one that asks for rows without limit.
 */
export function refuseTogether(list: readonly NamedMethod[]): void {
  for (const [hook, what] of Object.entries(decides)) {
    const having = list.filter(({ method }) => method[hook as keyof typeof decides]);
    if (having.length > 1) throw clash(having, `each decides ${what}`);
  }
  const several = list.filter(({ method }) => method.ensemble);
  const looking = list.filter(({ method }) => method.shipped);
  if (several.length > 0 && looking.length > 0)
    throw clash([...looking, ...several], "one looks at the model that the other ships as several");
  const endless = list.find(({ method }) => method.rows && !method.mostRows);
  if (endless) throw rowsError(`method ${endless.name} asks for rows of its own (\`rows\`) and does not say how many at most`);
}

const clash = (apart: readonly NamedMethod[], why: string): EvergreenError =>
  new EvergreenError(`methods: ${apart.map(({ name }) => name).join(" and ")} cannot be listed together: ${why}`, {
    code: "EG-3106",
    exit: "config",
    fix: "keep one of them",
  });

/** Told to who wrote a method: loaders hold room for as many rows as it says. */
export const rowsError = (message: string): EvergreenError =>
  new EvergreenError(message, {
    code: "EG-3113",
    exit: "config",
    fix: "give the method `mostRows: (batchSize) => …`, the most that `rows` returns in any step (docs/add-a-method.md)",
  });
