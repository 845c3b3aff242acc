import { z } from "zod";
import type { Random } from "../util/random.ts";
import type { DrawnAt, Method, RowInfo, RowRole, SeenRows, StepIndex } from "./method.ts";

/** How large the reservoir is, and its draws. */
export const reservoirOptions = {
  size: z.int().min(1).default(500).describe("samples that the reservoir holds"),
  draw: z.int().min(1).optional().describe("samples of one draw; as many as the mixture's batch has rows when absent"),
} as const;

export interface ReservoirOptions {
  readonly size: number;
  readonly draw?: number | undefined;
}

/**
 * Slot that the j-th offered sample takes (j from 1): the next free one, then a uniform one with probability size / j (algorithm R, doi:10.1145/3147.3165); undefined where it is passed by.
 * Every sample offered so far is then equally likely to be held.
 */
export function slotOf(random: Random, j: number, size: number): number | undefined {
  if (j <= size) return j - 1;
  const slot = random.at("reservoir", { index: j }).below(j);
  return slot < size ? slot : undefined;
}

/** Rows of a batch that the reservoir takes, with their slots, in order, and how many samples were offered after it: its update rows are, one after another. */
export function takenRows(
  roles: readonly RowRole[],
  { offered, size }: { readonly offered: number; readonly size: number },
  random: Random,
): { readonly taken: readonly { readonly row: number; readonly slot: number }[]; readonly offered: number } {
  const places = roles.flatMap((role, row) => (role === "update" ? [row] : []));
  const taken = places.flatMap((row, i) => {
    const slot = slotOf(random, offered + i + 1, size);
    return slot === undefined ? [] : [{ row, slot }];
  });
  return { taken, offered: offered + places.length };
}

/** What a run's reservoir took, in order, and how far that has been worked out. */
interface Log {
  readonly taken: (DrawnAt & { readonly slot: number })[];
  offered: number;
  next: StepIndex;
}

/**
 * A reservoir over the update rows of a run, as a function of what was drawn: asked for any step it gives where the sample of each slot was drawn, all earlier steps' samples having been
 * offered. What it remembers only saves time: a run takes some thousand samples in all, so each answer goes through them.
 */
export function createReservoir(size: number): (at: StepIndex, seen: SeenRows, random: Random) => readonly DrawnAt[] {
  const logs = new WeakMap<SeenRows, Log>();
  return (at, seen, random) => {
    const log = logs.get(seen) ?? { taken: [], offered: 0, next: { task: 0, step: 0 } };
    logs.set(seen, log);
    while (isBefore(log.next, at)) offer(log, seen, { random, size });
    const held: DrawnAt[] = [];
    for (const { slot, ...place } of log.taken) {
      if (!isBefore(place, at)) break;
      held[slot] = place;
    }
    return held;
  };
}

const isBefore = (a: StepIndex, b: StepIndex): boolean => a.task < b.task || (a.task === b.task && a.step < b.step);

/** Offers the samples of one more step. */
function offer(log: Log, seen: SeenRows, { random, size }: { readonly random: Random; readonly size: number }): void {
  const { task, step } = log.next;
  const roles = seen.roles(log.next);
  const { taken, offered } = takenRows(roles, { offered: log.offered, size }, random);
  for (const place of taken) log.taken.push({ task, step, ...place });
  log.offered = offered;
  log.next = roles.length > 0 ? { task, step: step + 1 } : { task: task + 1, step: 0 };
}

/** Slots of a draw without replacement, rising; all of them where no more are filled. `index` tells draws of one step apart. */
export function drawnSlots(
  random: Random,
  at: StepIndex,
  draw: { readonly filled: number; readonly count: number; readonly index: number },
): Uint32Array {
  return random
    .at("reservoir/draw", { ...at, index: draw.index })
    .permutation(draw.filled)
    .slice(0, draw.count)
    .sort();
}

/** The hooks of a method that draws from a reservoir in each step, once for each of `uses` independently. A sample that two draws hold is one row with both uses. */
export function replaying(
  by: string,
  uses: readonly string[],
  { size, draw }: ReservoirOptions,
): Pick<Method, "budget" | "rows" | "mostRows"> {
  const contents = createReservoir(size);
  return {
    budget: { learns: "metered" },
    mostRows: (batchSize) => Math.min(size, uses.length * (draw ?? batchSize)),
    rows(at, seen, { random, batchSize }) {
      const held = contents(at, seen, random);
      const usesOf = new Map<number, string[]>();
      uses.forEach((use, index) => {
        for (const slot of drawnSlots(random, at, { filled: held.length, count: draw ?? batchSize, index }))
          usesOf.set(slot, [...(usesOf.get(slot) ?? []), use]);
      });
      return [...usesOf].map(([slot, of]) => ({ role: "reservoir", from: held[slot] as DrawnAt, mark: { by, slot, uses: of } }));
    },
  };
}

/** Places in a batch of the rows that a method drew for a use, and their slots. */
export function drawnFor(rows: readonly RowInfo[], by: string, use: string): readonly { readonly row: number; readonly slot: number }[] {
  return rows.flatMap(({ mark }, row) => (mark?.by === by && mark.uses.includes(use) ? [{ row, slot: mark.slot }] : []));
}
