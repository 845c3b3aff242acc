import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { createRowDraws, passOrder, pickCaption, rowsBefore, type SampleOrder, type StepRows, shardedOrder } from "./positions.ts";

const uses = (order: SampleOrder, size: number, upTo: number): number[] => {
  const counts = new Array<number>(size).fill(0);
  for (let q = 0; q < upTo; q++) counts[order(q).sample] = (counts[order(q).sample] ?? 0) + 1;
  return counts;
};
const evenly = (counts: readonly number[], upTo: number): boolean =>
  counts.every((count) => count === Math.floor(upTo / counts.length) || count === Math.ceil(upTo / counts.length));

describe("passOrder", () => {
  test("follows the permutations of (task, pass): the values of training.g7 and g8", () => {
    const order = passOrder(createRandom(0), "update", { task: 0, size: 8 });
    expect(Array.from({ length: 16 }, (_, q) => order(q).sample).join(" ")).toBe("2 3 7 6 4 5 1 0 0 5 1 7 6 2 4 3");
    const second = passOrder(createRandom(0), "update", { task: 1, size: 8 });
    expect(Array.from({ length: 8 }, (_, q) => second(q).sample).join(" ")).toBe("0 4 1 2 7 5 6 3");
  });
  test("after any number of draws every sample was used the floor or the ceiling of the passes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat({ max: 300 }), fc.nat({ max: 3 }), (size, upTo, task) => {
        expect(evenly(uses(passOrder(createRandom(5), "buffer", { task, size }), size, upTo), upTo)).toBe(true);
      }),
    );
  });
  test("does not depend on the order of asking", () => {
    const positions = fc.array(fc.nat({ max: 500 }), { maxLength: 60 });
    fc.assert(
      fc.property(positions, fc.integer({ min: 1, max: 50 }), (asked, size) => {
        const used = passOrder(createRandom(1), "update", { task: 2, size });
        for (const q of asked) expect(used(q)).toEqual(passOrder(createRandom(1), "update", { task: 2, size })(q));
      }),
    );
  });
  test("a pool of two million answers its first pass in under five seconds of processor time", () => {
    const start = process.cpuUsage();
    const order = passOrder(createRandom(0), "update", { task: 0, size: 2_000_000 });
    const seen = new Uint8Array(2_000_000);
    for (let q = 0; q < seen.length; q++) seen[order(q).sample] = 1;
    expect(seen.every((hit) => hit === 1)).toBe(true);
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(5);
  });
});

describe("shardedOrder", () => {
  const pools = fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 12 }).filter((shards) => shards.some((count) => count > 0));
  test("uses every sample of every shard evenly, empty shards among them", () => {
    fc.assert(
      fc.property(pools, fc.integer({ min: 1, max: 5 }), fc.nat({ max: 250 }), (shards, window, upTo) => {
        const size = shards.reduce((a, b) => a + b, 0);
        expect(evenly(uses(shardedOrder(createRandom(3), { shards, window }), size, upTo), upTo)).toBe(true);
      }),
    );
  });
  test("does not depend on the order of asking", () => {
    fc.assert(
      fc.property(pools, fc.array(fc.nat({ max: 250 }), { maxLength: 40 }), (shards, asked) => {
        const used = shardedOrder(createRandom(3), { shards, window: 2 });
        for (const q of asked) expect(used(q)).toEqual(shardedOrder(createRandom(3), { shards, window: 2 })(q));
      }),
    );
  });
  test("a stretch of a pass stays inside one window of shards", () => {
    const order = shardedOrder(createRandom(0), { shards: Array.from({ length: 16 }, () => 10), window: 4 });
    for (let block = 0; block < 8; block++)
      expect(new Set(Array.from({ length: 40 }, (_, i) => Math.floor(order(block * 40 + i).sample / 10))).size).toBe(4);
  });
});

describe("rows of a step", () => {
  const random = createRandom(0);
  const base: StepRows = {
    task: 1,
    step: 0,
    phases: [{ from: 0, rows: { pretraining: 3, update: 4, buffer: 2 } }],
    pools: { update: 10, buffer: 7 },
    pretrainingDrawn: 30,
  };
  test("stand in the order update, buffer, pretraining; positions go on from step to step", () => {
    const draw = createRowDraws(random, { shards: [25] });
    expect(draw(base).map(({ source, position }) => `${source} ${position}`)).toEqual([
      "update 0",
      "update 1",
      "update 2",
      "update 3",
      "buffer 0",
      "buffer 1",
      "pretraining 30",
      "pretraining 31",
      "pretraining 32",
    ]);
    expect(draw({ ...base, step: 5 }).map(({ position }) => position)).toEqual([20, 21, 22, 23, 10, 11, 45, 46, 47]);
  });
  test("pretraining does not restart in a task: its draws go on where the task before ended", () => {
    const draw = createRowDraws(random, { shards: [25] });
    const late = draw({ ...base, task: 0, step: 10, pretrainingDrawn: 0 }).filter(({ source }) => source === "pretraining");
    expect(draw(base).filter(({ source }) => source === "pretraining")).toEqual(late);
  });
  test("are the same whatever was drawn before", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ task: fc.nat({ max: 3 }), step: fc.nat({ max: 40 }) }), { maxLength: 12 }), (asked) => {
        const used = createRowDraws(random, { shards: [5, 20] });
        for (const at of asked) expect(used({ ...base, ...at })).toEqual(createRowDraws(random, { shards: [5, 20] })({ ...base, ...at }));
      }),
    );
  });
  test("a change of rows in mid-task leaves no position out and gives none twice", () => {
    const draw = createRowDraws(random, { shards: [25] });
    const phases = [
      { from: 0, rows: { pretraining: 3, update: 4, buffer: 2 } },
      { from: 3, rows: { pretraining: 1, update: 5, buffer: 0 } },
      { from: 5, rows: { pretraining: 0, update: 2, buffer: 4 } },
    ];
    const all = Array.from({ length: 8 }, (_, step) => draw({ ...base, phases, step })).flat();
    for (const [source, count] of Object.entries({ update: 28, buffer: 18, pretraining: 11 })) {
      const first = source === "pretraining" ? base.pretrainingDrawn : 0;
      expect(all.filter((row) => row.source === source).map(({ position }) => position)).toEqual(
        Array.from({ length: count }, (_, i) => first + i),
      );
    }
    expect(rowsBefore(phases, 8)).toEqual({ pretraining: 11, update: 28, buffer: 18 });
  });
  test("a pool as small as its part gives each sample once a batch", () => {
    const draw = createRowDraws(random, { shards: [25] });
    for (let step = 0; step < 5; step++) {
      const rows = draw({ ...base, step, phases: [{ from: 0, rows: { pretraining: 0, update: 0, buffer: 7 } }] });
      expect(rows.map(({ sample }) => sample).sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    }
  });
  test("the ordering purposes differ between sources and seeds", () => {
    const sequence = (seed: number, source: "update" | "buffer"): string => {
      const order = passOrder(createRandom(seed), source, { task: 0, size: 50 });
      return Array.from({ length: 50 }, (_, q) => order(q).sample).join();
    };
    expect(new Set([sequence(0, "update"), sequence(1, "update"), sequence(0, "buffer")]).size).toBe(3);
  });
});

describe("addresses of the draws", () => {
  const random = createRandom(4);
  const first = (order: SampleOrder, size: number, from = 0): number[] => Array.from({ length: size }, (_, i) => order(from + i).sample);
  test("buffer and update draw from order/<source> at (task, pass)", () => {
    for (const source of ["update", "buffer"] as const)
      expect(first(passOrder(random, source, { task: 3, size: 9 }), 9, 18)).toEqual([
        ...random.at(`order/${source}`, { task: 3, index: 2 }).permutation(9),
      ]);
  });
  test("pretraining draws shards from pretrain/shards and a window's samples from order/pretraining, task word 0", () => {
    const order = shardedOrder(random, { shards: [2, 3, 4], window: 2 });
    const shards = random.at("pretrain/shards", { index: 1 }).permutation(3);
    const samples = (shard: number): number[] =>
      [
        [0, 1],
        [2, 3, 4],
        [5, 6, 7, 8],
      ][shard] ?? [];
    const windows = [[...shards.subarray(0, 2)], [...shards.subarray(2)]].map((members) => members.flatMap(samples));
    const want = windows.flatMap((pool, step) =>
      [...random.at("order/pretraining", { index: 1, step }).permutation(pool.length)].map((i) => pool[i]),
    );
    expect(first(order, 9, 9)).toEqual(want);
  });
  test("captions draw from caption/<source> at (task, position)", () => {
    for (let position = 0; position < 30; position++) {
      const want = random.at("caption/pretraining", { task: 2, index: position }).below(3);
      expect(pickCaption(random, { source: "pretraining", task: 2, position }, ["0", "1", "2"])).toBe(String(want));
    }
  });
});

describe("pickCaption", () => {
  test("takes each of three captions a third of the time, within five standard errors, by position alone", () => {
    const n = 9000;
    const counts = new Map<string, number>();
    for (let position = 0; position < n; position++) {
      const caption = pickCaption(createRandom(0), { source: "update", task: 1, position }, ["a", "b", "c"]);
      counts.set(caption, (counts.get(caption) ?? 0) + 1);
    }
    for (const caption of ["a", "b", "c"]) expect(Math.abs((counts.get(caption) ?? 0) - n / 3)).toBeLessThan(5 * Math.sqrt((n * 2) / 9));
  });
  test("sources draw independently at the same position", () => {
    const pick = (source: "update" | "buffer"): string =>
      Array.from({ length: 40 }, (_, position) => pickCaption(createRandom(0), { source, task: 0, position }, ["a", "b"])).join("");
    expect(pick("update")).not.toBe(pick("buffer"));
  });
});
