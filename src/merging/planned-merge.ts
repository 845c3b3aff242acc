import { scope } from "../engine/scope.ts";
import { type DType, entryBytes, readInto } from "../engine/tensor.ts";
import { narrowed } from "../models/narrowed.ts";
import type { MergeModels } from "./block-input.ts";
import { sizeOf } from "./entry-reader.ts";
import type { TowerGrowth } from "./guard.ts";
import { type PlacedTensor, type TowerName, towerNames } from "./placement.ts";
import { type MergeFrame, PlannedTower, runs, type TowerSettings } from "./planned-tower.ts";

export interface MergeSettings {
  readonly towers: Readonly<Record<TowerName, TowerSettings>>;
  readonly frame: MergeFrame;
}

/** Entries of a block where nobody says otherwise: 128 kB of float32, so that a step stays in a core’s cache, and light operators on one thread, which costs less than to wake another. */
export const usualBlock = 1 << 15;

/** A tensor of the result, made while its bytes are asked for. */
export interface MergedOutput {
  readonly name: string;
  readonly shape: readonly number[];
  /** A counter: it keeps the bytes of the newest model. */
  readonly isCounter: boolean;
  /** Its bytes in order, those of entries in `dtype`; each chunk holds until the next is asked for. @throws {NarrowTypeError} for entries beyond the type's range. */
  bytes(dtype: DType): Generator<Uint8Array>;
}

/** A merge whose thresholds and angles are known. */
export interface PlannedMerge {
  /** In the architecture's order. */
  readonly outputs: readonly MergedOutput[];
  /** What the user should know: where the operator had to do something else. */
  readonly notes: readonly string[];
  /** How far the towers moved, once all bytes were asked for. Sums of blocks, so their last digits depend on how these were cut. */
  growth(): readonly TowerGrowth[];
}

/** Plans both towers: reads the models as often as the operators must before the merge itself. */
export function planMerge(placed: readonly PlacedTensor[], models: MergeModels, { towers, frame }: MergeSettings): PlannedMerge {
  const planned = Object.fromEntries(
    towerNames.map((name) => {
      const own = placed.filter(({ tower }) => tower === name);
      return [name, new PlannedTower(name, own, models, { settings: towers[name], frame })];
    }),
  ) as Record<TowerName, PlannedTower>;
  return {
    outputs: placed.map((tensor) => outputOf(tensor, planned[tensor.tower], models)),
    notes: towerNames.flatMap((name) => planned[name].notes),
    growth: () => (models.base ? towerNames.map((name) => planned[name].growth()) : []),
  };
}

function outputOf(placed: PlacedTensor, tower: PlannedTower, { models }: MergeModels): MergedOutput {
  const { name, shape, size } = placed;
  const isCounter = placed.merged === "newest";
  return {
    name,
    shape,
    isCounter,
    *bytes(dtype) {
      if (isCounter) yield models.at(-1)?.bytes(name) ?? new Uint8Array();
      else {
        const block = tower.blockOf(placed);
        const room = new Uint8Array(Math.min(block, size) * entryBytes(dtype));
        for (const at of runs(size, block)) {
          const chunk = room.subarray(0, at.size * entryBytes(dtype));
          scope(() => readInto(narrowed(tower.entries(placed, at), dtype, name), chunk));
          yield chunk;
        }
      }
    },
  };
}

/** All bytes of a tensor of the result. */
export function allBytes({ shape, isCounter, bytes }: MergedOutput, dtype: DType): Uint8Array {
  const all = new Uint8Array(sizeOf(shape) * entryBytes(isCounter ? "int64" : dtype));
  let filled = 0;
  for (const chunk of bytes(dtype)) {
    all.set(chunk, filled);
    filled += chunk.length;
  }
  return all;
}
