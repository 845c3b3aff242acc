import { clampMax, clampMin } from "../engine/elementwise.ts";
import { isAllFinite, squaredDistances } from "../engine/entries.ts";
import { add, mulNumber, sub } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { Random } from "../util/random.ts";
import { BlockInput, type InputContext, type MergeModels } from "./block-input.ts";
import { type EntryRange, runsOf } from "./entry-reader.ts";
import { weightedSum } from "./fold.ts";
import { MergeNumbersError, type TowerGrowth } from "./guard.ts";
import type { MergedTensor, MergeModifier, MergeOperator, Tower } from "./operator.ts";
import type { PlacedTensor, TowerName } from "./placement.ts";
import { recencyShares } from "./shares.ts";

/** How one tower is merged: everything found and checked. */
export interface TowerSettings {
  readonly operator: MergeOperator;
  readonly options: unknown;
  readonly modifier?: { readonly part: MergeModifier; readonly options: unknown };
  /** One weight a model for a tensor; undefined takes equal shares, or factors of 1. */
  weightsOf(tensor: string): readonly number[] | undefined;
}

/** What both towers share. */
export interface MergeFrame {
  readonly random: Random;
  /** Counts merges of a run; draws of different merges differ. */
  readonly task: number;
  /** Entries of a block. */
  readonly block: number;
  /** Keeps the logit scale within [0, ln 100], as training does. */
  readonly clampsLogitScale: boolean;
}

/** A mean that is summed while its files are read holds little else: its blocks are so many times as long, which saves what each block costs by itself. */
const longer = 8;

/** Runs of at most `block` entries that make up a tensor of `size`. */
export function* runs(size: number, block: number): Generator<EntryRange> {
  for (let offset = 0; offset < size; offset += block) yield { offset, size: Math.min(block, size - offset) };
}

/** One tower's merge: what the operator had to find out is known from the start. */
export class PlannedTower {
  private readonly name: TowerName;
  private readonly settings: TowerSettings;
  private readonly frame: MergeFrame;
  private readonly context: InputContext;
  private readonly merged: ReadonlyMap<string, MergedTensor>;
  private readonly plan: unknown;
  /** What the user should know of how this tower is merged. */
  readonly notes: string[] = [];
  private squares = 0;
  private readonly modelSquares: number[] = [];

  constructor(name: TowerName, placed: readonly PlacedTensor[], models: MergeModels, at: { settings: TowerSettings; frame: MergeFrame }) {
    this.name = name;
    this.settings = at.settings;
    this.frame = at.frame;
    const { operator, options } = at.settings;
    this.context = {
      ...models,
      usesBase: operator.usesBase || at.settings.modifier !== undefined,
      hasFactors: operator.weights === "factors",
      needs: operator.needs,
      random: at.frame.random,
      task: at.frame.task,
    };
    const tensors = this.tensorsOf(placed);
    this.merged = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    this.plan = tensors.length > 0 ? operator.plan?.(this.tower(tensors), options) : undefined;
  }

  /** Entries of the result, float32. Made in the current scope. @throws {MergeNumbersError} when one is not finite. */
  entries(placed: PlacedTensor, at: EntryRange): Tensor {
    const tensor = this.merged.get(placed.name);
    if (!tensor) return this.linear(placed, at);
    const { operator, options, modifier } = this.settings;
    const input = new BlockInput(tensor, at, this.context, (i, squares) => this.hear(i, squares, placed.name));
    const result = operator.merge(input, options, this.plan);
    const factor = modifier?.part.factor(placed.depth, modifier.options) ?? 1;
    const scaled = factor === 1 ? result : add(input.base(), mulNumber(sub(result, input.base()), factor));
    this.check(scaled, placed.name);
    if (this.context.base) this.squares += squaredDistances([scaled], input.base())[0] ?? 0;
    return scaled;
  }

  /** Longest run in which a tensor of the result may be asked for. */
  blockOf({ name, size }: PlacedTensor): number {
    const tensor = this.merged.get(name);
    return tensor ? this.block(tensor, 1) : Math.max(1, size);
  }

  growth(): TowerGrowth {
    const models = this.modelSquares.map(Math.sqrt);
    const mean = models.reduce((sum, norm) => sum + norm, 0) / models.length;
    const merged = Math.sqrt(this.squares);
    return { tower: this.name, merged, models, growth: mean > 0 ? merged / mean : undefined };
  }

  private tensorsOf(placed: readonly PlacedTensor[]): readonly MergedTensor[] {
    let start = 0;
    return placed
      .filter(({ merged }) => merged === "parameter")
      .map(({ name, shape, size, layers, isInputFirst }) => {
        const tensor = { name, shape, size, start, layers, isInputFirst, weights: this.weightsOf(name) };
        start += size;
        return tensor;
      });
  }

  private weightsOf(tensor: string): readonly number[] {
    const given = this.settings.weightsOf(tensor);
    return given ?? (this.settings.operator.weights === "shares" ? recencyShares("uniform", this.context.models.length) : []);
  }

  private tower(tensors: readonly MergedTensor[]): Tower {
    return {
      count: this.context.models.length,
      tensors,
      visit: (look, held = 1) => {
        for (const tensor of tensors)
          for (const at of runs(tensor.size, this.block(tensor, held)))
            if (scope(() => look(new BlockInput(tensor, at, this.context))) === false) return;
      },
      note: (text) => void this.notes.push(`${this.name} tower: ${text}`),
    };
  }

  private block(tensor: MergedTensor, held: number): number {
    const { operator, modifier } = this.settings;
    if (operator.whole?.(tensor) === true) return tensor.size;
    const holdsSum = operator.isMean === true && !modifier;
    const isLong = holdsSum && runsOf(this.context.models, tensor.name, { offset: 0, size: tensor.size }) !== undefined;
    return Math.max(1, Math.floor(((isLong ? longer : 1) * this.frame.block) / held));
  }

  /** Logit scale and running statistics: by the operator's shares, else in equal parts. */
  private linear({ name }: PlacedTensor, at: EntryRange): Tensor {
    const { models } = this.context;
    const { operator, weightsOf } = this.settings;
    const own = operator.weights === "shares" ? weightsOf(name) : operator.linearShares?.(models.length);
    const shares = own ?? recencyShares("uniform", models.length);
    const mean = weightedSum(shares, (i) => (models[i] as (typeof models)[number]).read(name, at));
    this.check(mean, name);
    const isClamped = name === "logit_scale" && this.frame.clampsLogitScale;
    return isClamped ? clampMax(clampMin(mean, 0), largestLogitScale) : mean;
  }

  private check(result: Tensor, tensor: string): void {
    if (!isAllFinite(result)) throw new MergeNumbersError("the result", tensor);
  }

  private hear(i: number, squares: number, tensor: string): void {
    if (!Number.isFinite(squares)) throw new MergeNumbersError(`model ${i + 1} or the base`, tensor);
    this.modelSquares[i] = (this.modelSquares[i] ?? 0) + squares;
  }
}

/** ln 100, as OpenAI's training holds it. */
const largestLogitScale = Math.log(100);
