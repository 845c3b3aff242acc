import { describe, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import type { RowInfo, RowRole, RunFacts, SeenRows } from "./method.ts";
import { createReservoir, drawnFor, drawnSlots, replaying, slotOf } from "./reservoir.ts";

const random = createRandom(0);

/** A run of tasks of so many steps, whose batches hold these roles; it counts how often it is asked. */
function drawnRun(steps: readonly number[], roles: readonly RowRole[]): SeenRows & { readonly asked: string[] } {
  const asked: string[] = [];
  const at: SeenRows["roles"] = ({ task, step }) => {
    asked.push(`${task}/${step}`);
    return step < (steps[task] ?? 0) ? roles : [];
  };
  const rows = (place: { readonly task: number; readonly step: number }) =>
    at(place).map((role, i): RowInfo => ({ id: `set/${i}`, role, caption: "" }));
  return Object.assign(rows, { roles: at, asked });
}

describe("a reservoir", () => {
  test("after 100 000 offers every sample is held equally often, early and late ones alike, within three standard deviations", () => {
    // 8 reservoirs of 500 over 100 000 samples, held ones counted by twentieths of the stream: 8 · 500 / 20 = 200 each are expected, with the spread of 8 hypergeometric draws.
    const [offers, size, runs, parts] = [100_000, 500, 8, 20];
    const counts = new Array<number>(parts).fill(0);
    let [smallest, largest] = [offers, 0];
    for (let seed = 0; seed < runs; seed++) {
      const own = createRandom(seed);
      const held = new Int32Array(size);
      for (let j = 1; j <= offers; j++) {
        const slot = slotOf(own, j, size);
        if (slot !== undefined) held[slot] = j;
      }
      for (const j of held) {
        const part = Math.floor(((j - 1) * parts) / offers);
        counts[part] = (counts[part] ?? 0) + 1;
      }
      smallest = Math.min(smallest, ...held);
      largest = Math.max(largest, ...held);
    }
    const expected = (runs * size) / parts;
    const deviation = Math.sqrt(runs * size * (1 / parts) * (1 - 1 / parts) * ((offers - size) / (offers - 1)));
    for (const [part, count] of counts.entries()) expect(Math.abs(count - expected), `part ${part}`).toBeLessThan(3 * deviation);
    expect(smallest).toBeLessThan(offers / 500);
    expect(largest).toBeGreaterThan(offers - offers / 500);
  });

  test("slots are taken uniformly once it is full", () => {
    const size = 10;
    const counts = new Array<number>(size).fill(0);
    let taken = 0;
    for (let j = size + 1; j <= 40_000; j++) {
      const slot = slotOf(random, j, size);
      if (slot === undefined) continue;
      counts[slot] = (counts[slot] ?? 0) + 1;
      taken += 1;
    }
    // Σ 10 / j from 11 to 40 000 = 10 (H(40 000) − H(10)) = 82.45.
    expect(Math.abs(taken - 82.45)).toBeLessThan(3 * Math.sqrt(82.45));
    for (const count of counts) expect(Math.abs(count - taken / size)).toBeLessThan(4 * Math.sqrt(taken / size));
  });

  test("fills in order, with update rows alone", () => {
    const contents = createReservoir(5);
    const seen = drawnRun([2, 2], ["update", "update", "buffer", "pretraining"]);
    expect(contents({ task: 0, step: 0 }, seen, random)).toEqual([]);
    expect(contents({ task: 0, step: 1 }, seen, random)).toEqual([
      { task: 0, step: 0, row: 0 },
      { task: 0, step: 0, row: 1 },
    ]);
    expect(contents({ task: 1, step: 0 }, seen, random)).toEqual([0, 1].flatMap((step) => [0, 1].map((row) => ({ task: 0, step, row }))));
  });

  test("gives for any step the same, in whatever order steps are asked for, and looks at each step once", () => {
    const steps = [7, 9, 4];
    const places = steps.flatMap((count, task) => Array.from({ length: count }, (_, step) => ({ task, step })));
    const roles: readonly RowRole[] = ["update", "update", "update", "pretraining"];
    const forward = createReservoir(6);
    const seen = drawnRun(steps, roles);
    const answers = places.map((at) => forward(at, seen, random));
    expect(places.map((at) => forward(at, seen, random)).reverse()).toEqual([...answers].reverse());
    expect(new Set(seen.asked).size).toBe(seen.asked.length);
    for (const [i, at] of places.entries()) expect(createReservoir(6)(at, drawnRun(steps, roles), random)).toEqual(answers[i]);
  });

  test("two runs do not share what is remembered", () => {
    const contents = createReservoir(3);
    const at = { task: 0, step: 1 };
    expect(contents(at, drawnRun([2], ["update"]), random)).toHaveLength(1);
    expect(contents(at, drawnRun([2], ["update", "update"]), random)).toHaveLength(2);
  });
});

describe("a draw", () => {
  test("is without replacement, of another step or number another one, and all slots where no more are filled", () => {
    const draw = (step: number, index: number, count = 4): readonly number[] => [
      ...drawnSlots(random, { task: 1, step }, { filled: 50, count, index }),
    ];
    expect(new Set(draw(0, 0)).size).toBe(4);
    expect(draw(0, 0)).toEqual(draw(0, 0));
    expect(draw(1, 0)).not.toEqual(draw(0, 0));
    expect(draw(0, 1)).not.toEqual(draw(0, 0));
    expect(draw(0, 0, 80)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  test("takes every slot equally often", () => {
    const counts = new Array<number>(20).fill(0);
    for (let step = 0; step < 4000; step++)
      for (const slot of drawnSlots(random, { task: 0, step }, { filled: 20, count: 5, index: 0 })) counts[slot] = (counts[slot] ?? 0) + 1;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt(4000 * 0.25 * 0.75));
  });

  test("two uses of one sample are one row, each use has its own number of rows, and no more are asked for than were said", () => {
    const hooks = replaying("twice", ["logits", "replay"], { size: 8, draw: 5 });
    const seen = drawnRun([9], ["update", "update", "pretraining"]);
    const facts = { random, batchSize: 3 } as unknown as RunFacts;
    for (let step = 0; step < 9; step++) {
      const rows = hooks.rows?.({ task: 0, step }, seen, facts) ?? [];
      const infos = rows.map(({ role, mark }): RowInfo => ({ id: "", role, caption: "", ...(mark ? { mark } : {}) }));
      const filled = Math.min(8, 2 * step);
      expect(new Set(rows.map(({ mark }) => mark?.slot)).size).toBe(rows.length);
      for (const use of ["logits", "replay"]) expect(drawnFor(infos, "twice", use)).toHaveLength(Math.min(5, filled));
      expect(drawnFor(infos, "another", "logits")).toEqual([]);
      expect(rows.length).toBeLessThanOrEqual(hooks.mostRows?.(3) ?? 0);
    }
    expect(hooks.mostRows?.(3)).toBe(8);
    expect(replaying("er", ["replay"], { size: 500 }).mostRows?.(64)).toBe(64);
    expect(replaying("er", ["replay"], { size: 500 }).mostRows?.(512)).toBe(500);
  });
});
