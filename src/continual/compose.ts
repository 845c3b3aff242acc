import { keep, release, scope, tensorsIn } from "../engine/scope.ts";
import type { StateTree, Tensor, Weights } from "../engine/tensor.ts";
import type { ClipConfig } from "../models/architecture.ts";
import type { Clip } from "../models/clip.ts";
import type { Adapters } from "../nn/adapter.ts";
import type { Random } from "../util/random.ts";
import { type NamedMethod, refuseTogether, rowsError } from "./listed.ts";
import type {
  AppliedStep,
  FeatureContext,
  GradientContext,
  Held,
  Method,
  MethodBudget,
  MethodRow,
  RowRole,
  RunFacts,
  Scoring,
  SeenRows,
  StepIndex,
  TaskContext,
  WeightFlow,
} from "./method.ts";
import { type Pull, sumOfPulls } from "./spring.ts";

export type { NamedMethod } from "./listed.ts";

/** One state a method, in the order of the list; null for one that has none. Their tensors live until they are replaced or released. */
export type MethodStates = readonly StateTree[];

/** Methods listed together. Losses and penalties add; gradients, states and rewritten weights go through in the listed order. @throws {EvergreenError}: see {@link refuseTogether}. */
export function compose(list: readonly NamedMethod[]): Methods {
  refuseTogether(list);
  return new Methods(list);
}

/** Hooks of a method that acts between tasks alone. */
const betweenTasks: ReadonlySet<string> = new Set([
  "budget",
  "holds",
  "passes",
  "scoring",
  "init",
  "startTask",
  "endTask",
  "expert",
  "flow",
  "ensemble",
  "shipped",
] satisfies (keyof Method)[]);

/** What a run calls in place of its methods, one by one. */
export class Methods {
  readonly list: readonly NamedMethod[];
  private readonly parts: readonly Method[];

  constructor(list: readonly NamedMethod[]) {
    this.list = list;
    this.parts = list.map(({ method }) => method);
  }

  get hasAdapters(): boolean {
    return this.parts.some(({ adapt }) => adapt !== undefined);
  }
  /** True where what is shipped is not simply what was trained. */
  get decidesWeights(): boolean {
    return this.parts.some(({ expert, flow }) => (expert ?? flow) !== undefined);
  }
  get shipsEnsembles(): boolean {
    return this.parts.some(({ ensemble }) => ensemble !== undefined);
  }
  /** The name of the method that decides where weights go. */
  get deciding(): string {
    return this.list.find(({ method }) => method.flow ?? method.expert)?.name ?? "training";
  }
  get hasTerms(): boolean {
    return this.parts.some(({ loss }) => loss !== undefined);
  }
  get editsGradients(): boolean {
    return this.parts.some(({ gradients }) => gradients !== undefined);
  }
  get looksBack(): boolean {
    return this.parts.some(({ afterStep, rewrite }) => (afterStep ?? rewrite) !== undefined);
  }
  get asksRows(): boolean {
    return this.parts.some(({ rows }) => rows !== undefined);
  }
  get needsBefore(): boolean {
    return this.parts.some(({ needsBefore }) => needsBefore === true);
  }
  /** Places in the list of the methods that steps depend on, or whose states depend on steps; the others act between tasks alone. */
  get inSteps(): readonly number[] {
    return this.parts.flatMap((part, i) => (Object.keys(part).every((hook) => betweenTasks.has(hook)) ? [] : [i]));
  }
  /** What the methods say of their cost. */
  get budgets(): readonly MethodBudget[] {
    return this.parts.flatMap(({ budget }) => budget ?? []);
  }

  /** What each method holds beyond what a plan sees, in a run of so many tasks, the longest of so many steps. */
  held(tasks: number, steps: number): Promise<readonly Held[]> {
    return Promise.all(this.parts.map(async (part) => (await part.holds?.(tasks, steps)) ?? {}));
  }

  /** Passes over a model's entries that what is left of each of so many tasks takes. */
  async passes(tasks: number): Promise<readonly number[]> {
    const sums = Array<number>(tasks).fill(0);
    for (const part of this.parts) for (const task of sums.keys()) sums[task] = (sums[task] ?? 0) + ((await part.passes?.(task)) ?? 0);
    return sums;
  }

  /** What all methods together ask to be scored; undefined where none does. */
  get scoring(): Scoring | undefined {
    const asked = this.parts.flatMap(({ scoring }) => scoring ?? []);
    if (asked.length === 0) return undefined;
    return {
      of: [...new Set(asked.flatMap(({ of }) => of))],
      calls: asked.reduce((sum, { calls }) => sum + calls, 0),
      perSet: Math.max(...asked.map(({ perSet }) => perSet)),
    };
  }

  /** Most rows that methods ask for beside a mixture's batch of so many. */
  mostRows(batchSize: number): number {
    return this.parts.reduce((total, part) => total + (part.mostRows?.(batchSize) ?? 0), 0);
  }

  /** The architecture that learns, from the model's. */
  architecture(config: ClipConfig): ClipConfig {
    return this.parts.reduce((grown, part) => part.architecture?.(grown) ?? grown, config);
  }

  /** Adapters beside a model's layers; they live until they are released. */
  adapt(model: Clip, at: { readonly task: number; readonly random: Random }): Adapters | undefined {
    const adapt = this.parts.find((part) => part.adapt)?.adapt;
    return adapt && scope(() => keep(adapt(model, at)));
  }

  trainable(name: string): boolean {
    return this.parts.every((part) => part.trainable?.(name) ?? true);
  }

  /** Factors of a parameter's rate and decay. */
  group(name: string): { readonly rate: number; readonly decay: number } {
    const factors = this.parts.map((part) => part.group?.(name) ?? {});
    const product = (key: "rate" | "decay"): number => factors.reduce((total, factor) => total * (factor[key] ?? 1), 1);
    return { rate: product("rate"), decay: product("decay") };
  }

  init(task: TaskContext): Promise<MethodStates> {
    return this.settle((part) => part.init?.(task));
  }

  startTask(task: TaskContext, states: MethodStates): Promise<MethodStates> {
    return this.settle((part, i) => (part.startTask ? part.startTask(task, states[i] ?? null) : states[i]));
  }

  endTask(task: TaskContext, states: MethodStates): Promise<MethodStates> {
    return this.settle((part, i) => (part.endTask ? part.endTask(task, states[i] ?? null) : states[i]));
  }

  shipped(deployed: Weights, task: TaskContext, states: MethodStates): Promise<MethodStates> {
    return this.settle((part, i) => (part.shipped ? part.shipped(deployed, task, states[i] ?? null) : states[i]));
  }

  /** Each method's next state: made in a scope where the hook is synchronous, its tensors taken out of every scope. */
  private async settle(next: (part: Method, i: number) => StateTree | Promise<StateTree>): Promise<MethodStates> {
    const states: StateTree[] = [];
    for (const [i, part] of this.parts.entries()) states.push(keep((await called(() => next(part, i))) ?? null));
    return states;
  }

  /** @throws {EvergreenError} where a method asks for more than it said. */
  rows(at: StepIndex, seen: SeenRows, run: RunFacts): readonly MethodRow[] {
    return this.list.flatMap(({ name, method }) => {
      const asked = method.rows?.(at, seen, run) ?? [];
      const most = method.mostRows?.(run.batchSize) ?? 0;
      if (asked.length <= most) return asked;
      throw rowsError(
        `method ${name}: \`rows\` asks for ${asked.length} in step ${at.step} of task ${at.task + 1}, \`mostRows\` says ${most}`,
      );
    });
  }

  /** Whether a row takes part in the run's contrastive loss. */
  isContrastive(role: RowRole, at: StepIndex): boolean {
    const usual = role !== "reservoir" && role !== "reference";
    return this.parts.every((part) => part.contrastive?.(role, at) ?? usual);
  }

  terms(batch: FeatureContext, states: MethodStates): Readonly<Record<string, Tensor>> {
    const found = this.list.flatMap(({ name, method }, i) =>
      Object.entries(method.loss?.(batch, states[i] ?? null) ?? {}).map(
        ([term, value]) => [term === name ? name : `${name}/${term}`, value] as const,
      ),
    );
    return Object.fromEntries(
      found.map(([name, value], i) => [found.findIndex(([other]) => other === name) === i ? name : `${name}#${i}`, value]),
    );
  }

  /** Sum of all pulls on one weight. */
  penalty(name: string, weight: Tensor, states: MethodStates): Pull | undefined {
    return sumOfPulls(this.parts.map((part, i) => () => part.penalty?.(name, weight, states[i] ?? null)));
  }

  gradients(gradients: Weights, batch: GradientContext, states: MethodStates): Weights {
    return this.parts.reduce((edited, part, i) => part.gradients?.(edited, batch, states[i] ?? null) ?? edited, gradients);
  }

  afterStep(step: AppliedStep, states: MethodStates): MethodStates {
    return this.parts.map((part, i) =>
      part.afterStep ? scope(() => keep(part.afterStep?.(step, states[i] ?? null) ?? null)) : (states[i] ?? null),
    );
  }

  /** Weights to put in place of the model's; a later method's stand over an earlier one's. */
  rewrite(step: AppliedStep, states: MethodStates): Weights | undefined {
    const found = this.parts.flatMap((part, i) => part.rewrite?.(step, states[i] ?? null) ?? []);
    return found.length === 0 ? undefined : new Map(found.flatMap((weights) => [...weights]));
  }

  /** What the task leaves; `trained` itself where no method says otherwise. New tensors are outside of every scope. */
  async expert(trained: Weights, task: TaskContext, states: MethodStates): Promise<Weights> {
    const i = this.parts.findIndex((part) => part.expert);
    return (await called(() => this.parts[i]?.expert?.(trained, task, states[i] ?? null))) ?? trained;
  }

  /** Names of the models that are shipped as one after a task, the deployed one last; none where a model stands for itself. */
  ensemble(task: number): readonly string[] {
    const names = this.parts.find((part) => part.ensemble)?.ensemble?.(task) ?? [];
    return names.length > 1 ? names : [];
  }

  /** Where the weights go after a task, with all states. */
  async flow(expert: Weights, task: TaskContext, states: MethodStates): Promise<WeightFlow<MethodStates>> {
    const i = this.parts.findIndex((part) => part.flow);
    const flow = await called(() => this.parts[i]?.flow?.(expert, task, states[i] ?? null));
    if (!flow) return { state: states };
    const { state, ...weights } = flow;
    return { ...weights, state: state === undefined ? states : states.map((old, at) => (at === i ? keep(state) : old)) };
  }
}

/** A hook's result: of a scope where it is synchronous. */
async function called<Result>(hook: () => Result | Promise<Result>): Promise<Result> {
  let pending: Promise<Result> | undefined;
  const made = scope((): { readonly value?: Result } => {
    const found = hook();
    if (!(found instanceof Promise)) return { value: found };
    pending = found;
    return {};
  });
  return pending ?? (made.value as Result);
}

/** Frees what the old states held and the new ones do not. */
export function replaceStates(old: MethodStates, next: MethodStates, also: unknown = undefined): void {
  const kept = tensorsIn([next, also]);
  release([...tensorsIn(old)].filter((each) => !kept.has(each)));
}
